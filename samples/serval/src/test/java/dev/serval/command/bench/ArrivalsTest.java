package dev.serval.command.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

final class ArrivalsTest {
  @Test
  void requests_arrive_in_order_and_the_last_after_exactly_count_by_rate_seconds() {
    long[] arrivals = Arrivals.poisson(500, 20, new Random(1));

    assertThat(arrivals).isSorted().hasSize(500);
    assertThat(arrivals[0]).isPositive();
    assertThat(arrivals[499]).isEqualTo(25_000_000_000L);
  }

  @Test
  void gaps_are_exponential_with_a_deviation_like_their_mean() {
    long[] arrivals = Arrivals.poisson(20_000, 100, new Random(2));

    Distribution gaps =
        Distribution.of(
            IntStream.range(1, arrivals.length)
                .mapToObj(i -> (double) arrivals[i] - arrivals[i - 1])
                .toList());

    assertThat(gaps.deviation() / gaps.mean()).isCloseTo(1, within(0.05));
    assertThat(gaps.median() / gaps.mean()).isCloseTo(Math.log(2), within(0.05));
  }

  @Test
  void an_infinite_rate_sends_all_at_once() {
    assertThat(Arrivals.poisson(3, Double.POSITIVE_INFINITY, new Random(3))).containsOnly(0);
  }

  @Test
  void the_same_seed_gives_the_same_arrivals() {
    assertThat(Arrivals.poisson(50, 5, new Random(4)))
        .isEqualTo(Arrivals.poisson(50, 5, new Random(4)))
        .isNotEqualTo(Arrivals.poisson(50, 5, new Random(5)));
  }
}
