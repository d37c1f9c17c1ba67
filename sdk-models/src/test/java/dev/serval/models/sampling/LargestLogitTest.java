package dev.serval.models.sampling;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class LargestLogitTest {
  private static final float[] SPECIAL = {
    0f, -0f, Float.MIN_VALUE, -Float.MIN_VALUE, 1f, 1f, -1f, Float.MAX_VALUE, -Float.MAX_VALUE
  };
  private static final float[] UNUSABLE = {
    Float.NaN,
    Float.intBitsToFloat(0xFFC0_0000),
    Float.intBitsToFloat(0x7F80_0001),
    Float.intBitsToFloat(-1),
    Float.POSITIVE_INFINITY,
    Float.NEGATIVE_INFINITY
  };

  private final LargestLogit largest = new LargestLogit();

  @Test
  void it_is_what_one_comparison_after_the_other_finds() {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    for (int round = 0; round < 3000; round++) {
      float[] row = new float[1 + random.nextInt(4000)];
      fill(row, random);
      int expected = firstOfLargest(row);

      largest.find(MemorySegment.ofArray(row), row.length);

      assertThat(largest.id()).as("seed %d, round %d", seed, round).isEqualTo(expected);
      assertThat(Float.floatToIntBits(largest.value()))
          .isEqualTo(Float.floatToIntBits(row[expected]));

      largest.find(row, row.length);
      assertThat(largest.id()).as("seed %d, round %d", seed, round).isEqualTo(expected);
    }
  }

  @Test
  void of_rows_that_are_minus_infinity_throughout_the_first_is_named() {
    float[] row = new float[3000];
    Arrays.fill(row, Float.NEGATIVE_INFINITY);

    largest.find(MemorySegment.ofArray(row), row.length);

    assertThat(largest.id()).isZero();
    assertThat(largest.value()).isEqualTo(Float.NEGATIVE_INFINITY);
  }

  @Test
  void what_lies_behind_the_row_is_not_looked_at() {
    largest.find(MemorySegment.ofArray(new float[] {1f, 3f, 2f, 9f}), 3);

    assertThat(largest.id()).isEqualTo(1);
  }

  private static void fill(float[] row, Random random) {
    boolean few = random.nextBoolean();
    for (int i = 0; i < row.length; i++) {
      row[i] =
          few ? SPECIAL[random.nextInt(SPECIAL.length)] : -10 + 3 * (float) random.nextGaussian();
    }
    for (int i = random.nextInt(3); i > 0; i--) {
      row[random.nextInt(row.length)] = UNUSABLE[random.nextInt(UNUSABLE.length)];
    }
  }

  private static int firstOfLargest(float[] row) {
    int best = 0;
    float most = Float.NEGATIVE_INFINITY;
    for (int id = 0; id < row.length && !Float.isNaN(most); id++) {
      if (!(row[id] <= most)) {
        most = row[id];
        best = id;
      }
    }
    return best;
  }
}
