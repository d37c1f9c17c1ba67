package dev.serval.batching;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.batching.DraftPolicy;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.testkit.CollectingSink;
import dev.serval.testkit.DraftPolicyContract;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

final class PromptLookupTest extends DraftPolicyContract {
  @Override
  protected DraftPolicy policy() {
    return DraftPolicies.promptLookup();
  }

  private int[] guesses(int most, int... tokens) {
    int[] draft = new int[most];
    SequenceRequest request = SequenceRequest.builder("s", tokens, 1).build();
    Sequence sequence = new Sequence(request, new CollectingSink(), new Inbox(), 100, 0);
    return Arrays.copyOf(draft, policy().draft(sequence, tokens, draft, most));
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
}
