package dev.serval.api.compute;

import org.jspecify.annotations.Nullable;

/**
 * One layer of state spaces (Mamba-2, <a
 * href="https://arxiv.org/abs/2405.21060">arXiv:2405.21060</a>) in place of attention: what it
 * keeps of a sequence does not grow with it. For each row
 *
 * <pre>
 * [x | k | q] = silu(convolution over the last rows' [x | k | q] + convolutionBias)
 * t = softplus(step + timeBias)
 * S = exp(−decay · t) · S + k (t · x)ᵀ
 * out = norm((Sᵀq + skip · x) · silu(z))
 * </pre>
 *
 * <p>with a matrix S of {@code [stateDim, headDim]} for each head, of which z are the output gates
 * and step the time step; heads of a group have its key k and query q, which the paper calls B and
 * C.
 *
 * @param shape the sizes
 * @param convolution a vector of {@code taps · channels}: by what each channel of the oldest row is
 *     multiplied, then of the next
 * @param convolutionBias a vector of the channels, or null
 * @param decay a vector with a number above 0 for each head
 * @param timeBias a vector with what is added to each head's time step
 * @param skip a vector with what of each head's value is added to what it gives
 * @param norm the gain of the norm by the root of the mean square over each part of a row, a vector
 *     of all heads' columns; null for no norm
 * @param normGroups into how many equal parts the norm cuts a row
 * @param epsilon what is added to the mean square there
 */
public record StateSpaceSpec(
    StateSpaceShape shape,
    Weight convolution,
    @Nullable Weight convolutionBias,
    Weight decay,
    Weight timeBias,
    Weight skip,
    @Nullable Weight norm,
    int normGroups,
    float epsilon) {
  /** Refuses parts that do not make up a row. */
  public StateSpaceSpec {
    if (normGroups < 1 || shape.inner() % normGroups != 0) {
      throw new IllegalArgumentException(
          "a row of %d columns cannot be normalised in %d parts"
              .formatted(shape.inner(), normGroups));
    }
  }
}
