package dev.serval.models.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.serval.api.GenerationFailedException;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.Sampling;
import dev.serval.api.model.SampledToken;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

final class HostTokenSamplerTest {
  private static final int[] NO_PROMPT = {};

  @Test
  void greedy_takes_the_largest_logit_and_the_lowest_id_among_equals() {
    assertThat(draws(Sampling.GREEDY, NO_PROMPT, 1, -1f, 3f, 2f, 3f)).containsExactly(1);
    assertThat(draws(Sampling.GREEDY, NO_PROMPT, 1, -0f, 0f)).containsExactly(0);
    assertThat(draws(Sampling.GREEDY, NO_PROMPT, 1, Float.NEGATIVE_INFINITY, -9f))
        .containsExactly(1);
  }

  @Test
  void the_repetition_penalty_divides_positive_and_multiplies_negative_logits_of_prompt_tokens() {
    Sampling penalised = Sampling.builder().temperature(0).repetitionPenalty(2).build();

    assertThat(draws(penalised, new int[] {0, 0}, 1, 3f, 1.4f)).containsExactly(0);
    assertThat(draws(penalised, new int[] {0, 0}, 1, 3f, 1.6f)).containsExactly(1);
    assertThat(draws(penalised, new int[] {0}, 1, -1f, -1.9f)).containsExactly(1);
    assertThat(draws(penalised, new int[] {0}, 1, -1f, -2.1f)).containsExactly(0);
  }

  @Test
  void the_repetition_penalty_sees_the_completion_too_and_applies_once() {
    Sampling penalised = Sampling.builder().temperature(0).repetitionPenalty(1.5).build();

    assertThat(draws(penalised, NO_PROMPT, 4, 3f, 2.5f, 2.1f)).containsExactly(0, 1, 2, 0);
  }

  @Test
  void the_presence_penalty_is_taken_off_once_and_not_for_the_prompt() {
    Sampling penalised = Sampling.builder().temperature(0).presencePenalty(1).build();

    assertThat(draws(penalised, new int[] {0}, 4, 3f, 2.5f)).containsExactly(0, 1, 0, 0);
  }

  @Test
  void the_frequency_penalty_is_taken_off_for_each_time() {
    Sampling penalised = Sampling.builder().temperature(0).frequencyPenalty(0.4).build();

    assertThat(draws(penalised, new int[] {0}, 6, 3f, 2.5f)).containsExactly(0, 0, 1, 0, 1, 0);
  }

  @Test
  void penalties_come_before_the_bias() {
    Sampling both =
        Sampling.builder().temperature(0).repetitionPenalty(2).logitBias(Map.of(0, 2.0)).build();

    assertThat(draws(both, new int[] {0}, 1, 3f, 3.4f)).containsExactly(0);
    assertThat(draws(both, new int[] {0}, 1, 3f, 3.6f)).containsExactly(1);
  }

  @Test
  void a_bias_of_a_hundred_forces_a_token_and_of_minus_a_hundred_bans_it() {
    Sampling forced = Sampling.builder().logitBias(Map.of(2, 100.0)).build();
    Sampling banned = Sampling.builder().logitBias(Map.of(0, -100.0)).build();

    assertThat(draws(forced, NO_PROMPT, 50, 5f, 5f, -5f)).containsOnly(2);
    assertThat(draws(banned, NO_PROMPT, 200, 5f, 0f, 0f)).doesNotContain(0).contains(1, 2);
  }

  @Test
  void a_biased_token_outside_the_vocabulary_is_refused_with_id_and_range() {
    Sampling bias = Sampling.builder().logitBias(Map.of(7, 1.0)).build();

    assertThatThrownBy(() -> new HostTokenSampler(bias, 0, NO_PROMPT, 7, -1))
        .isInstanceOfSatisfying(
            InvalidRequestException.class, e -> assertThat(e.parameter()).isEqualTo("logit_bias"))
        .hasMessage("logit_bias names token 7, and the model's tokens are 0 to 6");
  }

  @Test
  void scores_that_are_no_numbers_fail_the_sequence() {
    assertThatThrownBy(() -> draws(Sampling.GREEDY, NO_PROMPT, 1, 1f, Float.NaN, 2f))
        .isInstanceOf(GenerationFailedException.class)
        .hasMessageContaining("token 1")
        .hasMessageContaining("NaN");
    assertThatThrownBy(() -> draws(Sampling.GREEDY, NO_PROMPT, 1, 1f, Float.POSITIVE_INFINITY))
        .isInstanceOf(GenerationFailedException.class);
    assertThatThrownBy(() -> draws(Sampling.GREEDY, NO_PROMPT, 1, Float.NEGATIVE_INFINITY))
        .isInstanceOf(GenerationFailedException.class);
  }

  @Test
  void the_same_seed_gives_the_same_tokens_whatever_else_uses_the_room() {
    Sampling sampling = Sampling.builder().topP(0.9).build();
    SamplingScratch shared = new SamplingScratch();
    float[] row = normal(new Random(4), 1000);
    var alone = new HostTokenSampler(sampling, 5, NO_PROMPT, 1000, -1);
    var first = new HostTokenSampler(sampling, 5, NO_PROMPT, 1000, -1, shared);
    var other = new HostTokenSampler(Sampling.builder().build(), 6, NO_PROMPT, 900, 3, shared);
    SampledToken out = new SampledToken(3);

    for (int i = 0; i < 100; i++) {
      alone.sample(new Rows(row), 0, out);
      int expected = out.id();
      first.sample(new Rows(new float[1000], row), 1, out);
      assertThat(out.id()).isEqualTo(expected);
      other.sample(new Rows(row), 0, out);
    }
  }

  @Test
  void neighbouring_seeds_draw_differently() {
    Sampling sampling = Sampling.builder().build();
    float[] row = new float[1000];

    assertThat(IntStream.range(0, 100).mapToObj(seed -> draws(sampling, seed, 3, row)).distinct())
        .hasSize(100);
  }

  @Test
  void log_probabilities_are_those_of_the_raw_logits_in_double_precision() {
    Random random = new Random(11);
    float[] row = normal(random, 5000);
    double denominator = logSum(row);
    Sampling sampling =
        Sampling.builder()
            .temperature(0.3)
            .repetitionPenalty(1.7)
            .logitBias(Map.of(4, 5.0))
            .build();
    var sampler = new HostTokenSampler(sampling, 3, new int[] {1, 4, 9}, row.length, 20);
    SampledToken out = new SampledToken(20);

    for (int i = 0; i < 20; i++) {
      sampler.sample(new Rows(row), 0, out);
      assertThat((double) out.logprob()).isCloseTo(row[out.id()] - denominator, within(1e-6));
      List<Integer> best = ranked(row).subList(0, 20);
      assertThat(out.alternatives()).isEqualTo(20);
      for (int a = 0; a < 20; a++) {
        assertThat(out.alternativeId(a)).isEqualTo(best.get(a));
        assertThat((double) out.alternativeLogprob(a))
            .isCloseTo(row[best.get(a)] - denominator, within(1e-6));
      }
    }
  }

  @Test
  void no_alternatives_and_no_log_probabilities_are_given_unless_asked_for() {
    SampledToken out = new SampledToken(5);
    new HostTokenSampler(Sampling.GREEDY, 0, NO_PROMPT, 2, -1).sample(rows(1f, 2f), 0, out);
    assertThat(out.logprob()).isNaN();

    new HostTokenSampler(Sampling.GREEDY, 0, NO_PROMPT, 2, 0).sample(rows(1f, 2f), 0, out);
    assertThat((double) out.logprob()).isCloseTo(-Math.log1p(Math.exp(-1)), within(1e-7));
    assertThat(out.alternatives()).isZero();

    new HostTokenSampler(Sampling.GREEDY, 0, NO_PROMPT, 2, 5).sample(rows(1f, 2f), 0, out);
    assertThat(out.alternatives()).as("a vocabulary of two has no more").isEqualTo(2);
  }

  @Test
  void the_row_is_left_as_it_was() {
    float[] row = {1f, 2f, 3f};
    Sampling sampling = Sampling.builder().repetitionPenalty(3).minP(0.1).build();

    new HostTokenSampler(sampling, 0, new int[] {2}, 3, 1)
        .sample(new Rows(row), 0, new SampledToken(1));

    assertThat(row).containsExactly(1f, 2f, 3f);
  }

  private static Rows rows(float... row) {
    return new Rows(row);
  }

  private static List<Integer> draws(Sampling sampling, int[] prompt, int count, float... row) {
    return draws(new HostTokenSampler(sampling, 42, prompt, row.length, -1), count, row);
  }

  private static List<Integer> draws(Sampling sampling, long seed, int count, float[] row) {
    return draws(new HostTokenSampler(sampling, seed, NO_PROMPT, row.length, -1), count, row);
  }

  private static List<Integer> draws(HostTokenSampler sampler, int count, float[] row) {
    SampledToken out = new SampledToken(0);
    List<Integer> drawn = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      sampler.sample(new Rows(row), 0, out);
      drawn.add(out.id());
    }
    return drawn;
  }

  static float[] normal(Random random, int size) {
    float[] row = new float[size];
    for (int i = 0; i < size; i++) {
      row[i] = (float) (3 * random.nextGaussian());
    }
    return row;
  }

  static List<Integer> ranked(float[] row) {
    return IntStream.range(0, row.length)
        .boxed()
        .sorted((a, b) -> row[a] == row[b] ? a - b : Float.compare(row[b], row[a]))
        .toList();
  }

  private static double logSum(float[] row) {
    double sum = 0;
    for (float logit : row) {
      sum += Math.exp(logit);
    }
    return Math.log(sum);
  }
}
