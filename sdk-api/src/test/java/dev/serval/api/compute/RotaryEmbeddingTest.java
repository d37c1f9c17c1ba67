package dev.serval.api.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

final class RotaryEmbeddingTest {
  private static final RotaryEmbedding PLAIN = RotaryEmbedding.of(new double[] {1});

  @Test
  void queries_grow_from_stretch_to_stretch_and_may_be_ahead() {
    RotaryEmbedding growing = PLAIN.withGrowingQueries(0.5, 4);
    RotaryEmbedding ahead = PLAIN.withGrowingQueries(0.5, 4, 1);
    assertThat(growing.queryMagnitude(3)).isEqualTo(1);
    assertThat(ahead.queryMagnitude(2)).isEqualTo(1);
    double once = 1 + 0.5 * Math.log(2);
    assertThat(growing.queryMagnitude(4)).isCloseTo(once, within(1e-12));
    assertThat(ahead.queryMagnitude(3)).isCloseTo(once, within(1e-12));
    assertThat(ahead.queryMagnitude(6)).isCloseTo(once, within(1e-12));
    assertThat(ahead.queryMagnitude(7)).isCloseTo(1 + 0.5 * Math.log(3), within(1e-12));
    assertThat(ahead.queryMagnitude(Integer.MAX_VALUE)).isGreaterThan(10);
  }

  @Test
  void queries_that_would_shrink_or_go_back_are_refused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PLAIN.withGrowingQueries(-0.1, 4))
        .withMessageContaining("-0.1");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PLAIN.withGrowingQueries(0.1, 0))
        .withMessageContaining("over 0");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PLAIN.withGrowingQueries(0.1, 4, -1))
        .withMessageContaining("-1 ahead");
  }
}
