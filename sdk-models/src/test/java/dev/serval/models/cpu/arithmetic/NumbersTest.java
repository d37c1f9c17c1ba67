package dev.serval.models.cpu.arithmetic;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

/** The exponential and the conversions, against the platform's exact ones. */
final class NumbersTest {
  @Test
  void the_exponential_is_off_by_at_most_one_unit_in_the_last_place() {
    Random random = new Random(1);
    for (int i = 0; i < 1_000_000; i++) {
      float x = (float) (random.nextDouble() * 200 - 105);
      float expected = (float) StrictMath.exp(x);
      float actual = Exponential.of(x);
      if (Math.abs(actual - expected) > Math.ulp(expected)) {
        assertThat(actual).as("exp(%s)", x).isEqualTo(expected);
      }
    }
  }

  @Test
  void the_exponential_keeps_to_its_ends() {
    assertThat(Exponential.of(0)).isEqualTo(1);
    assertThat(Exponential.of(-0f)).isEqualTo(1);
    assertThat(Exponential.of(Float.NEGATIVE_INFINITY)).isZero();
    assertThat(Exponential.of(-103.9f)).isEqualTo((float) StrictMath.exp(-103.9f));
    assertThat(Exponential.of(-1e30f)).isZero();
    assertThat(Exponential.of(88.72f)).isFinite();
    assertThat(Exponential.of(88.73f)).isInfinite();
    assertThat(Exponential.of(1e30f)).isInfinite();
    assertThat(Exponential.of(Float.NaN)).isNaN();
  }

  @Test
  void every_bf16_survives_the_way_to_f32_and_back() {
    for (int bits = 0; bits <= 0xFFFF; bits++) {
      float value = BFloat16.toFloat((short) bits);
      short back = BFloat16.fromFloat(value);
      if (Float.isNaN(value)) {
        assertThat(BFloat16.toFloat(back)).isNaN();
      } else {
        assertThat(back).isEqualTo((short) bits);
      }
    }
  }

  @Test
  void rounding_to_bf16_goes_to_the_nearest_and_to_the_even_of_two() {
    assertThat(rounded(0x3F80_7FFF)).isEqualTo(0x3F80_0000);
    assertThat(rounded(0x3F80_8000)).isEqualTo(0x3F80_0000);
    assertThat(rounded(0x3F80_8001)).isEqualTo(0x3F81_0000);
    assertThat(rounded(0x3F81_8000)).isEqualTo(0x3F82_0000);
    assertThat(rounded(0x7F7F_FFFF)).isEqualTo(Float.floatToRawIntBits(Float.POSITIVE_INFINITY));
    assertThat(BFloat16.toFloat(BFloat16.fromFloat(Float.intBitsToFloat(0x7F80_0001)))).isNaN();
  }

  private static int rounded(int bits) {
    short half = BFloat16.fromFloat(Float.intBitsToFloat(bits));
    return Float.floatToRawIntBits(BFloat16.toFloat(half));
  }
}
