package dev.serval.batching;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

final class AnswerSharesTest {
  private final AnswerShares shares = new AnswerShares();

  private double meanAhead(int generated, int allowed) {
    return IntStream.range(0, 1000)
        .map(number -> shares.ahead(generated, allowed, number))
        .average()
        .orElseThrow();
  }

  @Test
  void little_is_known_after_a_few_answers() {
    for (int i = 0; i < 15; i++) {
      shares.record(10, 10);
    }
    assertThat(shares.known()).isFalse();
    shares.record(10, 10);
    assertThat(shares.known()).isTrue();
  }

  @Test
  void where_all_go_to_their_limit_what_is_left_is_known_exactly() {
    for (int i = 1; i <= 100; i++) {
      shares.record(i, i);
    }
    for (int number = 0; number < 100; number++) {
      assertThat(shares.ahead(0, 300, number)).isEqualTo(300);
      assertThat(shares.ahead(299, 300, number)).isEqualTo(1);
    }
  }

  @Test
  void where_limits_mean_nothing_others_that_got_as_far_tell() {
    for (int i = 0; i < 500; i++) {
      shares.record(100, 4096);
      shares.record(400, 4096);
    }
    assertThat(meanAhead(0, 4096)).isBetween(230.0, 270.0);
    assertThat(meanAhead(150, 4096)).isBetween(225.0, 275.0);
  }

  @Test
  void an_answer_longer_than_any_before_is_taken_to_go_on_to_its_limit() {
    for (int i = 0; i < 100; i++) {
      shares.record(100, 4096);
    }
    assertThat(shares.ahead(1000, 4096, 3)).isEqualTo(3096);
  }

  @Test
  void the_same_answer_is_always_foreseen_alike() {
    for (int i = 1; i < 1000; i++) {
      shares.record(i, 1000);
    }
    for (int number = 0; number < 50; number++) {
      int first = shares.ahead(0, 1000, number);
      assertThat(shares.ahead(0, 1000, number)).isEqualTo(first).isBetween(1, 1000);
    }
  }

  @Test
  void what_was_long_ago_counts_little() {
    for (int i = 0; i < 5000; i++) {
      shares.record(10, 1000);
    }
    for (int i = 0; i < 5000; i++) {
      shares.record(1000, 1000);
    }
    assertThat(meanAhead(0, 1000)).isGreaterThan(990);
  }

  @Test
  void hundreds_of_thousands_of_answers_overflow_nothing() {
    for (int i = 0; i < 400_000; i++) {
      shares.record(50, 100);
    }
    assertThat(shares.ahead(0, 100, 7)).isBetween(45, 55);
  }
}
