package dev.serval.models.cpu.vector;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class VectorExponentialTest {
  private static float exp(float x) {
    float[] values = new float[Lanes.COUNT];
    Arrays.fill(values, x);
    VectorExponential.apply(values, 0, values.length, 1, 0);
    return values[0];
  }

  @Test
  void it_is_off_by_less_than_two_units_in_the_last_place() {
    Random random = new Random(1);
    float[] x = new float[Lanes.COUNT];
    for (int round = 0; round < 20_000; round++) {
      for (int i = 0; i < x.length; i++) {
        x[i] = (float) (random.nextDouble() * 176 - 86.9);
      }
      float[] actual = x.clone();
      VectorExponential.apply(actual, 0, actual.length, 1, 0);
      for (int i = 0; i < x.length; i++) {
        float expected = (float) StrictMath.exp(x[i]);
        if (!(Math.abs(actual[i] - expected) < 2 * Math.ulp(expected))) {
          assertThat(actual[i]).as("exp(%s)", x[i]).isEqualTo(expected);
        }
      }
    }
  }

  @Test
  void it_keeps_to_its_ends() {
    assertThat(exp(0)).isEqualTo(1);
    assertThat(exp(-0f)).isEqualTo(1);
    assertThat(exp(Float.NEGATIVE_INFINITY)).isZero();
    assertThat(exp(-86.9f)).isGreaterThan(1.8e-38f);
    assertThat(exp(-86.91f)).isZero();
    assertThat(exp(-1e30f)).isZero();
    assertThat(exp(88.72f)).isFinite();
    assertThat(exp(88.73f)).isInfinite();
    assertThat(exp(1e30f)).isInfinite();
    assertThat(exp(Float.POSITIVE_INFINITY)).isInfinite();
    assertThat(exp(Float.NaN)).isNaN();
  }

  @Test
  void it_multiplies_and_subtracts_first() {
    float[] values = new float[Lanes.COUNT];
    Arrays.fill(values, 3);
    VectorExponential.apply(values, 0, values.length, 0.5f, 2);
    assertThat(values[0]).isEqualTo(exp(-0.5f));
  }
}
