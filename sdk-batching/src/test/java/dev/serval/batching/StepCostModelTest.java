package dev.serval.batching;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Percentage.withPercentage;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

final class StepCostModelTest {
  private final SplittableRandom random = new SplittableRandom(7);
  private final StepCostModel model = new StepCostModel();

  private static double truth(double speed, long cached, long fresh, double pairs, int decodes) {
    return speed * (4e6 + 30.0 * cached + 2e5 * fresh + 3.0 * pairs + 1e5 * decodes);
  }

  private void step(double speed, double noise) {
    int decodes = random.nextInt(16);
    long cached = decodes * (long) random.nextInt(50, 800);
    int chunk = random.nextInt(4) == 0 ? random.nextInt(16, 512) : 0;
    long before = chunk == 0 ? 0 : random.nextInt(0, 2000);
    double pairs = 2.0 * before * chunk + (double) chunk * chunk;
    double nanos = truth(speed, cached + before, chunk, pairs, decodes);
    model.observe(cached + before, chunk, pairs, decodes, (long) (nanos * (1 + noise)));
  }

  private void steps(int count, double speed) {
    for (int i = 0; i < count; i++) {
      step(speed, 0.05 * (random.nextDouble() - 0.5));
    }
  }

  private void predictsWithin(double percent, double speed) {
    assertThat((double) model.predictNanos(4000, 0, 0, 8))
        .isCloseTo(truth(speed, 4000, 0, 0, 8), withPercentage(percent));
    double pairs = 2.0 * 1000 * 256 + 256.0 * 256;
    assertThat((double) model.predictNanos(5000, 256, pairs, 8))
        .isCloseTo(truth(speed, 5000, 256, pairs, 8), withPercentage(percent));
  }

  @Test
  void steps_are_predicted_after_a_few_hundred_were_seen() {
    steps(300, 1);
    predictsWithin(5, 1);
  }

  @Test
  void an_outlier_now_and_then_moves_nothing() {
    steps(300, 1);
    for (int i = 0; i < 20; i++) {
      step(1, 30);
      steps(10, 1);
    }
    predictsWithin(8, 1);
  }

  @Test
  void a_machine_that_changes_its_speed_is_followed() {
    steps(500, 1);
    steps(300, 2.5);
    predictsWithin(8, 2.5);
    steps(300, 0.6);
    predictsWithin(8, 0.6);
  }

  @Test
  void thousands_of_decodes_do_not_blow_up_what_is_known_of_prefill() {
    steps(300, 1);
    for (int i = 0; i < 20_000; i++) {
      double nanos = truth(1, 3000, 0, 0, 8) * (1 + 0.05 * (random.nextDouble() - 0.5));
      model.observe(3000, 0, 0, 8, (long) nanos);
    }
    double pairs = 256.0 * 256;
    assertThat((double) model.predictNanos(3000, 256, pairs, 8))
        .isCloseTo(truth(1, 3000, 256, pairs, 8), withPercentage(25));
  }

  @Test
  void prompts_that_get_longer_while_code_gets_faster_do_not_make_still_longer_ones_free() {
    for (int i = 0; i < 10; i++) {
      model.observe(0, 0, 0, 4, 1_000_000);
    }
    for (int tokens = 32; tokens <= 256; tokens += 16) {
      model.observe(0, tokens, (double) tokens * tokens, 4, 1_000_000 + 20_000_000);
    }
    double of256 = model.predictNanos(0, 256, 256.0 * 256, 4);
    assertThat(of256).isGreaterThan(10e6);
    assertThat((double) model.predictNanos(0, 900, 900.0 * 900, 4)).isGreaterThan(of256);
  }

  private double missed(double speed, int decodes, int chunk) {
    long cached = 300L * decodes + 500;
    double pairs = 2.0 * 500 * chunk + (double) chunk * chunk;
    double predicted = model.predictNanos(cached, chunk, pairs, decodes);
    double nanos = truth(speed, cached, chunk, pairs, decodes);
    nanos *= 1 + 0.05 * (random.nextDouble() - 0.5);
    nanos *= random.nextInt(50) == 0 ? 8 : 1;
    model.observe(cached, chunk, pairs, decodes, (long) nanos);
    return predicted / truth(speed, cached, chunk, pairs, decodes);
  }

  @Test
  void code_that_gets_five_times_faster_in_200_steps_is_followed_though_all_have_chunks() {
    for (int i = 0; i < 8; i++) {
      missed(5, 4, 0);
    }
    for (int i = 0; i < 200; i++) {
      double ratio = missed(5 * Math.pow(0.2, i / 200.0), 4, 32 + random.nextInt(64));
      if (i >= 20) {
        assertThat(ratio).as("step " + i).isBetween(0.75, 1.25);
      }
    }
    assertThat(model.slack()).isLessThan(1.25);
    for (int i = 0; i < 20; i++) {
      missed(1, 4, 0);
    }
    assertThat(missed(1, 4, 0)).isBetween(0.85, 1.15);
    assertThat(missed(1, 4, 64)).isBetween(0.75, 1.25);
  }

  @Test
  void a_first_chunk_of_which_nothing_was_known_is_no_error_for_long() {
    for (int i = 0; i < 12; i++) {
      missed(1, 4, i < 8 ? 0 : 64);
    }
    assertThat(model.known()).isTrue();
    assertThat((double) model.errorNanos()).isLessThan(0.2 * truth(1, 1700, 64, 68e3, 4));
  }

  @Test
  void prompts_alone_are_enough_to_know_what_chunks_take() {
    for (int i = 0; i < 12; i++) {
      missed(1, 0, 64);
    }
    assertThat(model.known()).isTrue();
    assertThat(missed(1, 0, 128)).isBetween(0.7, 1.4);
  }

  @Test
  void nothing_is_predicted_before_anything_was_seen() {
    assertThat((double) model.predictNanos(1, 1, 1, 1)).isZero();
  }

  @Test
  void chunks_that_nobody_waits_beside_say_nothing_of_the_slack() {
    steps(300, 1);
    double before = model.slack();
    for (int i = 0; i < 50; i++) {
      double pairs = 1500.0 * 1500;
      model.observe(0, 1500, pairs, 0, (long) (truth(1, 0, 1500, pairs, 0) * 1.4));
    }
    assertThat(model.slack()).isEqualTo(before);
  }
}
