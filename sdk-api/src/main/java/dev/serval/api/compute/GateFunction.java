package dev.serval.api.compute;

/**
 * What lets values through in a gated feed-forward layer. Each is {@code x · σ(s(x))}, where σ is
 * the logistic function.
 */
public enum GateFunction {
  /**
   * The sigmoid-weighted linear unit, {@code x · σ(x)} (Elfwing et al., <a
   * href="https://arxiv.org/abs/1702.03118">arXiv:1702.03118</a>), also called swish.
   */
  SILU {
    @Override
    public float steepness(float x) {
      return x;
    }
  },

  /**
   * The Gaussian error linear unit by way of a hyperbolic tangent, {@code x / 2 · (1 + tanh(√(2/π)
   * · (x + 0.044715 x³)))} (Hendrycks and Gimpel, <a
   * href="https://arxiv.org/abs/1606.08415">arXiv:1606.08415</a>). Half of {@code 1 + tanh(y)} is
   * {@code σ(2y)}.
   */
  GELU_TANH {
    @Override
    public float steepness(float x) {
      return x * (LINEAR + CUBIC * x * x);
    }
  };

  /** The linear part of {@link #GELU_TANH}'s argument: {@code 2 · √(2/π)}. */
  public static final float LINEAR = 1.5957692f;

  /** Its cubic part: 0.044715 times as much. */
  public static final float CUBIC = 0.07135482f;

  /**
   * What the logistic function is taken of.
   *
   * @param x a gate
   * @return s(x)
   */
  public abstract float steepness(float x);
}
