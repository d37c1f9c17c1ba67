package dev.serval.gpu.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class FreeRangesTest {
  @Test
  void what_is_given_back_grows_together_whatever_the_order() {
    FreeRanges ranges = new FreeRanges(30);
    assertThat(ranges.take(10)).isZero();
    assertThat(ranges.take(10)).isEqualTo(10);
    assertThat(ranges.take(10)).isEqualTo(20);
    assertThat(ranges.take(1)).isEqualTo(-1);
    ranges.give(0, 10);
    ranges.give(20, 10);
    assertThat(ranges.count()).isEqualTo(2);
    assertThat(ranges.take(20)).isEqualTo(-1);
    ranges.give(10, 10);
    assertThat(ranges.count()).isEqualTo(1);
    assertThat(ranges.take(30)).isZero();
  }

  @Test
  void no_byte_is_lent_twice_and_none_is_lost() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    FreeRanges ranges = new FreeRanges(1000);
    BitSet lent = new BitSet();
    List<int[]> loans = new ArrayList<>();
    for (int i = 0; i < 20_000; i++) {
      if (random.nextBoolean()) {
        int bytes = 1 + random.nextInt(100);
        int offset = (int) ranges.take(bytes);
        if (offset >= 0) {
          assertThat(lent.get(offset, offset + bytes).isEmpty()).as("seed %d", seed).isTrue();
          lent.set(offset, offset + bytes);
          loans.add(new int[] {offset, bytes});
        }
      } else if (!loans.isEmpty()) {
        int[] loan = loans.remove(random.nextInt(loans.size()));
        lent.clear(loan[0], loan[0] + loan[1]);
        ranges.give(loan[0], loan[1]);
      }
      assertThat(ranges.size()).as("seed %d", seed).isEqualTo(1000 - lent.cardinality());
    }
  }
}
