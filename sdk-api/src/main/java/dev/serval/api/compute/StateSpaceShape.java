package dev.serval.api.compute;

/**
 * The sizes of a layer of state spaces, and how it keeps the state of a sequence: first the rows
 * that the convolution still needs, {@code [taps − 1][channels]}, the oldest first, then a matrix
 * for each head, {@code [stateDim][headDim]}, all in F32. Zeros stand for what is before a
 * sequence.
 *
 * @param heads how many heads there are
 * @param headDim the dimensions of a head
 * @param groups how many keys and queries there are, which heads share; divides {@code heads}
 * @param stateDim the dimensions of a key and of a query
 * @param taps how many rows the convolution sees, its own included
 */
public record StateSpaceShape(int heads, int headDim, int groups, int stateDim, int taps) {
  /** Refuses sizes that do not fit together. */
  public StateSpaceShape {
    if (heads < 1 || groups < 1 || heads % groups != 0) {
      throw new IllegalArgumentException(
          heads + " heads cannot be shared out among " + groups + " groups");
    }
    if (headDim < 1 || stateDim < 1 || taps < 1) {
      throw new IllegalArgumentException(
          "heads, states and convolutions are of at least 1, unlike %d, %d and %d"
              .formatted(headDim, stateDim, taps));
    }
    double elements =
        (taps - 1.0) * ((double) heads * headDim + 2.0 * groups * stateDim)
            + (double) heads * headDim * stateDim;
    if (elements * Float.BYTES > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "a state of %d heads of %d × %d is over 2 GiB".formatted(heads, stateDim, headDim));
    }
  }

  /**
   * The columns of all heads.
   *
   * @return heads times their dimensions
   */
  public int inner() {
    return heads * headDim;
  }

  /**
   * What goes through the convolution: values, keys and queries.
   *
   * @return its columns
   */
  public int channels() {
    return inner() + 2 * groups * stateDim;
  }

  /**
   * The columns of a row that the layer begins with: {@code [output gates | values | keys | queries
   * | time steps]}, one for each head of the last.
   *
   * @return its columns
   */
  public int inputColumns() {
    return inner() + channels() + heads;
  }

  /**
   * Where the matrix of a head begins in a state.
   *
   * @param head from 0; their number gives the state's size
   * @return elements
   */
  public long matrixAt(int head) {
    return (taps - 1L) * channels() + (long) head * stateDim * headDim;
  }

  /**
   * The size of a layer's state.
   *
   * @return its bytes
   */
  public long stateBytes() {
    return matrixAt(heads) * Float.BYTES;
  }
}
