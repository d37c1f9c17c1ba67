package dev.serval.api.compute;

/**
 * One layer of gated delta networks (Yang et al., <a
 * href="https://arxiv.org/abs/2412.06464">arXiv:2412.06464</a>), as Qwen3-Next and Qwen 3.5 have
 * it, in place of attention: what it keeps of a sequence does not grow with it. For each row
 *
 * <pre>
 * [q | k | v] = silu(convolution over the last rows' [q | k | v])
 * q = q / |q| / √keyDim,  k = k / |k|
 * S = exp(−decay · softplus(a + timeBias)) · S
 * S = S + k (σ(b) · (v − Sᵀk))ᵀ
 * out = norm(Sᵀq) · silu(z)
 * </pre>
 *
 * <p>with a matrix S of {@code [keyDim, valueDim]} for each value head, of which a, b and z are the
 * decay, the write strength and the output gates. Queries and keys are each divided by {@code
 * √(|x|² + }{@value #LENGTH_EPSILON}{@code )}.
 *
 * @param shape the sizes
 * @param tiled whether value head h goes with key head {@code h mod keyHeads}, as in GGUF, and not
 *     with {@code h / (valueHeads / keyHeads)}
 * @param convolution a vector of {@code taps · channels}: by what each channel of the oldest row is
 *     multiplied, then of the next
 * @param decay a vector with a number above 0 for each value head
 * @param timeBias a vector with what is added to each value head's a
 * @param norm the gain of the norm by the root of the mean square over each head's output, a vector
 *     of {@code valueDim}
 * @param epsilon what is added to the mean square there
 */
public record DeltaNetSpec(
    DeltaNetShape shape,
    boolean tiled,
    Weight convolution,
    Weight decay,
    Weight timeBias,
    Weight norm,
    float epsilon) {
  /** What is added to the square of a query's and of a key's length. */
  public static final float LENGTH_EPSILON = 1e-6f;

  /**
   * The key head that a value head goes with.
   *
   * @param valueHead from 0
   * @return from 0
   */
  public int keyHead(int valueHead) {
    return tiled
        ? valueHead % shape.keyHeads()
        : valueHead / (shape.valueHeads() / shape.keyHeads());
  }
}
