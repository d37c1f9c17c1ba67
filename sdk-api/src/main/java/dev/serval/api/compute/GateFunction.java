package dev.serval.api.compute;

/**
 * What lets values through in a gated feed-forward layer. Each is {@code x · σ(s(x)) · (u + o)},
 * where σ is the logistic function, x a gate and u its up, neither of them beyond a limit, and o an
 * offset.
 */
public enum GateFunction implements ActivationFunction {
  /**
   * The sigmoid-weighted linear unit, {@code x · σ(x)} (Elfwing et al., <a
   * href="https://arxiv.org/abs/1702.03118">arXiv:1702.03118</a>), also called swish.
   */
  SILU(Float.POSITIVE_INFINITY, GateFunction.NOTHING) {
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
  GELU_TANH(Float.POSITIVE_INFINITY, GateFunction.NOTHING) {
    @Override
    public float steepness(float x) {
      return x * (LINEAR + CUBIC * x * x);
    }
  },

  /**
   * gpt-oss's, {@code x · σ(1.702 x) · (u + 1)} with gates up to 7 and ups from −7 to 7 (<a
   * href="https://arxiv.org/abs/2508.10925">arXiv:2508.10925</a>, and the model's reference code).
   */
  SWIGLU_OAI(7, 1) {
    @Override
    public float steepness(float x) {
      return SLOPE * x;
    }
  };

  /** The linear part of {@link #GELU_TANH}'s argument: {@code 2 · √(2/π)}. */
  public static final float LINEAR = 1.5957692f;

  /** Its cubic part: 0.044715 times as much. */
  public static final float CUBIC = 0.07135482f;

  /** By what {@link #SWIGLU_OAI} multiplies its argument. */
  public static final float SLOPE = 1.702f;

  /** Unlike +0, it leaves a −0 as it is. */
  private static final float NOTHING = -0.0f;

  private final float limit;
  private final float offset;

  GateFunction(float limit, float offset) {
    this.limit = limit;
    this.offset = offset;
  }

  @Override
  public int inputs(int columns) {
    return Math.multiplyExact(2, columns);
  }

  /**
   * What the logistic function is taken of.
   *
   * @param x a gate
   * @return s(x)
   */
  public abstract float steepness(float x);

  /**
   * What gates above count as, and ups beyond it on either side.
   *
   * @return above 0, infinite where all count as they are
   */
  public float limit() {
    return limit;
  }

  /**
   * What is added to ups.
   *
   * @return o
   */
  public float offset() {
    return offset;
  }
}
