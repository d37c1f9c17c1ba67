package dev.serval.command.bench;

import java.util.random.RandomGenerator;

/** When requests arrive. */
public final class Arrivals {
  private static final double NANOS = 1e9;

  private Arrivals() {}

  /**
   * A Poisson process: exponential gaps, scaled so that the last request arrives after exactly
   * {@code count / rate} seconds, as vLLM does it, so that runs of different seeds offer the same
   * load.
   *
   * @param count how many requests
   * @param rate requests a second; infinite for all at once
   * @param random where the gaps come from
   * @return nanoseconds after the start, ascending
   */
  public static long[] poisson(int count, double rate, RandomGenerator random) {
    long[] arrivals = new long[count];
    if (count == 0 || Double.isInfinite(rate)) {
      return arrivals;
    }
    double[] sums = new double[count];
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += random.nextExponential();
      sums[i] = sum;
    }
    double scale = count / rate / sum * NANOS;
    for (int i = 0; i < count; i++) {
      arrivals[i] = Math.round(sums[i] * scale);
    }
    return arrivals;
  }
}
