package dev.serval.api.compute;

/**
 * A layer that is a short convolution between gates, in place of attention, as LFM2 has it (<a
 * href="https://arxiv.org/abs/2511.23404">arXiv:2511.23404</a>): of rows {@code [b | c | x]} it
 * makes {@code c · Σ kernel(tap) · (b · x)(tap)}, over the last rows of a sequence. Its state are
 * the rows b · x that the next one still needs, {@code [taps − 1][width]} in F32, the oldest first.
 *
 * @param width the columns of each of b, c and x
 * @param taps how many rows it sees, its own included
 * @param kernel a vector of {@code taps · width}: by what each column of the oldest row is
 *     multiplied, then of the next
 */
public record ShortConvolutionSpec(int width, int taps, Weight kernel) {
  /** Refuses sizes below 1. */
  public ShortConvolutionSpec {
    if (width < 1 || taps < 1) {
      throw new IllegalArgumentException(
          "a convolution is of at least 1 column and tap, unlike %d and %d".formatted(width, taps));
    }
  }

  /**
   * The size of a layer's state.
   *
   * @return its bytes
   */
  public long stateBytes() {
    return stateBytes(width, taps);
  }

  /**
   * The size of the state of a layer.
   *
   * @param width the columns of each of b, c and x
   * @param taps how many rows it sees, its own included
   * @return its bytes
   */
  public static long stateBytes(int width, int taps) {
    return (taps - 1L) * width * Float.BYTES;
  }
}
