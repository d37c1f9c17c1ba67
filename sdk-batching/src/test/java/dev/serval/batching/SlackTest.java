package dev.serval.batching;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

final class SlackTest {
  private final SplittableRandom random = new SplittableRandom(3);
  private final Slack slack = new Slack();

  @Test
  void few_steps_are_beyond_it_once_it_was_learned() {
    int beyond = 0;
    for (int i = 0; i < 20_000; i++) {
      double ratio = 1 + 0.05 * random.nextGaussian();
      beyond += i >= 2000 && ratio > slack.factor() ? 1 : 0;
      slack.observe(ratio);
    }
    assertThat(beyond / 18_000.0).isBetween(0.0005, 0.005);
    assertThat(slack.factor()).isBetween(1.1, 1.3);
  }

  @Test
  void a_hundred_steps_are_enough_for_it_to_follow_a_machine_that_became_steady_or_unsteady() {
    steps(400, 0.1);
    assertThat(slack.factor()).isBetween(1.2, 1.5);
    steps(100, 0.01);
    assertThat(slack.factor()).isLessThan(1.18);
    steps(100, 0.1);
    assertThat(slack.factor()).isGreaterThan(1.2);
  }

  private void steps(int count, double deviation) {
    for (int i = 0; i < count; i++) {
      slack.observe(1 + deviation * random.nextGaussian());
    }
  }

  @Test
  void steps_that_come_as_predicted_still_keep_a_little() {
    for (int i = 0; i < 5000; i++) {
      slack.observe(1);
    }
    assertThat(slack.factor()).isEqualTo(1.05);
  }

  @Test
  void pauses_do_not_count() {
    for (int i = 0; i < 5000; i++) {
      slack.observe(i % 20 == 0 ? 10 : 1);
    }
    assertThat(slack.factor()).isEqualTo(1.05);
  }

  @Test
  void however_much_steps_differ_it_is_bounded() {
    for (int i = 0; i < 5000; i++) {
      slack.observe(1.9);
    }
    assertThat(slack.factor()).isEqualTo(1.6);
  }
}
