package dev.serval.api.compute;

/** What a feed-forward layer that has no gates takes of each element. */
public enum UngatedFunction implements ActivationFunction {
  /**
   * The Gaussian error linear unit, {@code x · Φ(x)}, where Φ is the normal distribution (Hendrycks
   * and Gimpel, <a href="https://arxiv.org/abs/1606.08415">arXiv:1606.08415</a>).
   */
  GELU,

  /**
   * The same by way of a hyperbolic tangent, as {@link GateFunction#GELU_TANH} takes it of gates.
   */
  GELU_TANH,

  /**
   * The square of what is above 0, and 0 (So et al., Primer, <a
   * href="https://arxiv.org/abs/2109.08668">arXiv:2109.08668</a>).
   */
  RELU_SQUARED,

  /** The hyperbolic tangent, as routers of several residual streams have it. */
  TANH;

  @Override
  public int inputs(int columns) {
    return columns;
  }
}
