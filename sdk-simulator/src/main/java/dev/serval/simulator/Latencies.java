package dev.serval.simulator;

import java.time.Duration;
import java.util.Arrays;

/** Measured times, sorted. Of none at all, every statistic is zero. */
public final class Latencies {
  private final long[] sorted;

  private Latencies(long[] sorted) {
    this.sorted = sorted;
  }

  /**
   * How many there are.
   *
   * @return the number of times
   */
  public int count() {
    return sorted.length;
  }

  /**
   * Their mean.
   *
   * @return the arithmetic mean
   */
  public Duration mean() {
    return Duration.ofNanos(Math.round(Arrays.stream(sorted).average().orElse(0)));
  }

  /**
   * The largest.
   *
   * @return the longest time
   */
  public Duration max() {
    return percentile(100);
  }

  /**
   * The time that this many of a hundred do not exceed; between two ranks, the value between
   * theirs.
   *
   * @param percent from 0 to 100
   * @return the time
   */
  public Duration percentile(double percent) {
    if (!(percent >= 0 && percent <= 100)) {
      throw new IllegalArgumentException("a percentile lies from 0 to 100, unlike " + percent);
    }
    if (sorted.length == 0) {
      return Duration.ZERO;
    }
    double rank = percent / 100 * (sorted.length - 1);
    int below = (int) rank;
    int above = Math.min(below + 1, sorted.length - 1);
    double nanos = sorted[below] + (rank - below) * (sorted[above] - sorted[below]);
    return Duration.ofNanos(Math.round(nanos));
  }

  /**
   * How many of them are no longer than a target.
   *
   * @param target the longest time that is good
   * @return a share from 0 to 1; 1 of none
   */
  public double shareWithin(Duration target) {
    long good = Arrays.stream(sorted).filter(nanos -> nanos <= target.toNanos()).count();
    return sorted.length == 0 ? 1 : (double) good / sorted.length;
  }

  /** Collects times. */
  static final class Collector {
    private long[] nanos = new long[16];
    private int count;

    void add(long time) {
      if (count == nanos.length) {
        nanos = Arrays.copyOf(nanos, count * 2);
      }
      nanos[count++] = time;
    }

    Latencies latencies() {
      long[] sorted = Arrays.copyOf(nanos, count);
      Arrays.sort(sorted);
      return new Latencies(sorted);
    }
  }
}
