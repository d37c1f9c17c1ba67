package dev.serval.command.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;

final class DistributionTest {
  private static final Distribution FIVE = Distribution.of(List.of(4.0, 1.0, 3.0, 2.0, 10.0));

  @Test
  void percentiles_interpolate_between_ranks_as_numpy_does() {
    assertThat(FIVE.percentile(0)).isEqualTo(1);
    assertThat(FIVE.percentile(90)).isCloseTo(7.6, within(1e-12));
    assertThat(FIVE.percentile(99.9)).isCloseTo(9.976, within(1e-12));
    assertThat(FIVE.percentile(100)).isEqualTo(10);
  }

  @Test
  void mean_median_deviation_and_the_largest() {
    assertThat(FIVE.mean()).isEqualTo(4);
    assertThat(FIVE.median()).isEqualTo(3);
    assertThat(FIVE.deviation()).isCloseTo(Math.sqrt(10), within(1e-12));
    assertThat(FIVE.max()).isEqualTo(10);
  }

  @Test
  void statistics_of_nothing_are_zero() {
    Distribution none = Distribution.of(List.of());
    assertThat(
            List.of(none.mean(), none.median(), none.deviation(), none.max(), none.percentile(99)))
        .containsOnly(0.0);
  }
}
