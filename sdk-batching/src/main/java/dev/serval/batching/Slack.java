package dev.serval.batching;

/**
 * The factor within which all but about one in five hundred steps keep to their prediction. Belongs
 * to the engine's thread.
 */
final class Slack {
  /*
   * A step beyond it raises it, one within lowers it by a five-hundredth of that, so it comes to rest
   * where that many are beyond: the quantile by stochastic approximation (Robbins and Monro, 1951), as
   * in adaptive conformal inference (Gibbs and Candès, 2021, https://arxiv.org/abs/2106.00170). One far
   * beyond is a pause, for which no chunk could have been small enough.
   */
  private static final double FIRST = 1.2;
  private static final double LEAST = 1.05;
  private static final double MOST = 1.6;
  private static final double PAUSE = 2;
  private static final double BEYOND = 0.002;
  private static final double RATE = 0.04;

  private double factor = FIRST;

  double factor() {
    return factor;
  }

  /** A step took so many times what was predicted. */
  void observe(double ratio) {
    if (ratio < PAUSE) {
      factor *= ratio > factor ? 1 + RATE : 1 - RATE * BEYOND;
      factor = Math.clamp(factor, LEAST, MOST);
    }
  }

  @Override
  public String toString() {
    return "%.3f".formatted(factor);
  }
}
