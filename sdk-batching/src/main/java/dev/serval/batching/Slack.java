package dev.serval.batching;

/**
 * The factor within which all but about one in five hundred steps keep to their prediction. Belongs
 * to the engine's thread.
 */
final class Slack {
  /*
   * So rare steps can't be waited for: a thousand would have to pass for two of them. But how far the
   * slowest tenth lie above the threshold to it is seen every ten steps, and beyond a threshold
   * distributions have much the same tail (Pickands, 1975, Balkema and de Haan, 1974), here taken to be
   * exponential: each e-th part of the share beyond costs another mean excess.
   *
   *   factor = threshold + mean excess · ln(share beyond the threshold / share beyond the factor)
   *
   * The threshold is found by stochastic approximation (Robbins and Monro, 1951): a step beyond raises it
   * nine times as much as one within lowers it. A step far beyond is a pause, for which no chunk could
   * have been small enough.
   */
  private static final double LEAST = 1.05;
  private static final double MOST = 1.6;
  private static final double PAUSE = 2;
  private static final double BEYOND_FACTOR = 0.002;
  private static final double BEYOND_THRESHOLD = 0.1;
  private static final double TAIL = Math.log(BEYOND_THRESHOLD / BEYOND_FACTOR);
  private static final double THRESHOLD_RATE = 0.02;
  private static final double EXCESS_RATE = 0.1;

  private double threshold = 1.05;
  private double excess = 0.04;

  double factor() {
    return Math.clamp(threshold + TAIL * excess, LEAST, MOST);
  }

  /** A step took so many times what was predicted. */
  void observe(double ratio) {
    if (ratio >= PAUSE) {
      return;
    }
    if (ratio > threshold) {
      excess += EXCESS_RATE * (ratio - threshold - excess);
      threshold *= 1 + THRESHOLD_RATE * (1 - BEYOND_THRESHOLD);
    } else {
      threshold *= 1 - THRESHOLD_RATE * BEYOND_THRESHOLD;
    }
  }

  @Override
  public String toString() {
    return "%.3f".formatted(factor());
  }
}
