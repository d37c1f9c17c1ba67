package dev.serval.batching;

import java.util.Arrays;

/** When submissions came of late. Belongs to the batcher's thread. */
final class Arrivals {
  private static final int REMEMBERED = 15;

  private final long[] gaps = new long[REMEMBERED];
  private int count;
  private long lastNanos;

  /** A submission came. */
  void at(long nanos) {
    if (count > 0) {
      gaps[(count - 1) % REMEMBERED] = Math.max(0, nanos - lastNanos);
    }
    lastNanos = nanos;
    count = count == Integer.MAX_VALUE ? REMEMBERED + 1 : count + 1;
  }

  /** What lies between two submissions, as a rule: the median, which a pause does not move. */
  long typicalGapNanos() {
    if (count <= REMEMBERED) {
      return Long.MAX_VALUE;
    }
    long[] sorted = gaps.clone();
    Arrays.sort(sorted);
    return sorted[REMEMBERED / 2];
  }

  /** How long it has been quiet. */
  long quietNanos(long nowNanos) {
    return nowNanos - lastNanos;
  }
}
