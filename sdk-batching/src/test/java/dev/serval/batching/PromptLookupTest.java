package dev.serval.batching;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.batching.DraftPolicy;
import dev.serval.api.batching.DraftedSequence;
import dev.serval.testkit.DraftPolicyContract;
import dev.serval.testkit.DraftedText;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

final class PromptLookupTest extends DraftPolicyContract {
  @Override
  protected DraftPolicy policy() {
    return DraftPolicies.promptLookup();
  }

  private static DraftedSequence sequence(int[] prediction, int[] prompt, int... answer) {
    int[] tokens = IntStream.concat(Arrays.stream(prompt), Arrays.stream(answer)).toArray();
    return new DraftedText(tokens, tokens.length, prompt.length, prediction);
  }

  private static int[] guesses(DraftPolicy policy, int most, DraftedSequence sequence) {
    int[] draft = new int[most];
    return Arrays.copyOf(draft, policy.draft(sequence, draft, most));
  }

  private int[] guesses(int most, int... tokens) {
    return guesses(policy(), most, sequence(new int[0], tokens));
  }

  @Test
  void it_goes_on_as_it_did_where_the_end_stood_before() {
    assertThat(guesses(3, 4, 5, 6, 7, 8, 9, 5, 6)).containsExactly(7, 8, 9);
  }

  @Test
  void one_token_alone_says_nothing() {
    assertThat(guesses(3, 4, 5, 6, 7, 5)).isEmpty();
    assertThat(guesses(3, 4)).isEmpty();
    assertThat(guesses(3, 4, 4)).isEmpty();
  }

  @Test
  void the_longest_match_counts_and_of_several_the_last() {
    assertThat(guesses(1, 1, 2, 3, 10, 9, 2, 3, 11, 1, 2, 3)).containsExactly(10);
    assertThat(guesses(1, 9, 2, 3, 10, 8, 2, 3, 11, 7, 2, 3)).containsExactly(11);
  }

  @Test
  void a_text_that_repeats_itself_goes_round() {
    assertThat(guesses(7, 1, 2, 3, 1, 2, 3, 1, 2)).containsExactly(3, 1, 2, 3, 1, 2, 3);
    assertThat(guesses(4, 6, 6, 6)).containsExactly(6, 6, 6, 6);
  }

  @Test
  void a_prediction_is_followed_from_its_beginning_and_found_again_behind_a_change() {
    int[] prompt = {1, 2, 3};
    int[] expected = {10, 11, 12, 13, 14, 15, 16};
    DraftPolicy predicted = DraftPolicies.predicted();
    assertThat(guesses(predicted, 3, sequence(expected, prompt, 10))).containsExactly(11, 12, 13);
    assertThat(guesses(predicted, 3, sequence(expected, prompt, 11))).isEmpty();
    assertThat(guesses(predicted, 3, sequence(expected, prompt, 10, 11, 90))).isEmpty();
    assertThat(guesses(predicted, 3, sequence(expected, prompt, 10, 11, 90, 13))).isEmpty();
    assertThat(guesses(predicted, 3, sequence(expected, prompt, 10, 11, 90, 13, 14)))
        .containsExactly(15, 16);
    assertThat(guesses(predicted, 3, sequence(expected, prompt, 15, 16))).isEmpty();
  }

  @Test
  void a_prompt_that_ends_as_the_prediction_begins_is_no_answer() {
    int[] expected = {10, 11, 12, 13};
    assertThat(guesses(DraftPolicies.predicted(), 3, sequence(expected, new int[] {1, 10}, 11)))
        .isEmpty();
  }

  @Test
  void what_the_prediction_does_not_have_is_looked_up_in_the_text_if_that_is_wanted() {
    int[] prompt = {1, 2, 3, 4};
    int[] expected = {10, 11, 12};
    DraftedSequence sequence = sequence(expected, prompt, 10, 2, 3);
    assertThat(guesses(DraftPolicies.promptLookup(), 2, sequence)).containsExactly(4, 10);
    assertThat(guesses(DraftPolicies.predicted(), 2, sequence)).isEmpty();
    assertThat(guesses(DraftPolicies.promptLookup(), 2, sequence(expected, prompt, 10, 11)))
        .containsExactly(12);
  }

  @Nested
  final class Predicted extends DraftPolicyContract {
    @Override
    protected DraftPolicy policy() {
      return DraftPolicies.predicted();
    }
  }
}
