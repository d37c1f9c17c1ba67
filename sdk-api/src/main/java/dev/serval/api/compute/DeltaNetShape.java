package dev.serval.api.compute;

/**
 * The sizes of a layer of gated delta networks, and how it keeps the state of a sequence: first the
 * rows that the convolution still needs, {@code [taps − 1][channels]}, the oldest first, then a
 * matrix for each value head, {@code [keyDim][valueDim]}, all in F32. Rows of zeros stand for what
 * is before a sequence.
 *
 * @param keyHeads how many heads of queries, and of keys, there are
 * @param valueHeads how many value heads there are, a multiple of that
 * @param keyDim the dimensions of a query and of a key
 * @param valueDim the dimensions of a value
 * @param taps how many rows the convolution sees, its own included
 */
public record DeltaNetShape(int keyHeads, int valueHeads, int keyDim, int valueDim, int taps) {
  /** Refuses sizes that do not fit together. */
  public DeltaNetShape {
    if (keyHeads < 1 || valueHeads < 1 || valueHeads % keyHeads != 0) {
      throw new IllegalArgumentException(
          valueHeads + " value heads cannot be shared out among " + keyHeads + " key heads");
    }
    if (keyDim < 1 || valueDim < 1 || taps < 1) {
      throw new IllegalArgumentException(
          "keys, values and convolutions are of at least 1, unlike %d, %d and %d"
              .formatted(keyDim, valueDim, taps));
    }
    long elements = (long) (taps - 1) * (2L * keyHeads * keyDim + (long) valueHeads * valueDim);
    if (elements + (long) valueHeads * keyDim * valueDim > Integer.MAX_VALUE / Float.BYTES) {
      throw new IllegalArgumentException(
          "a state of %d heads of %d × %d is over 2 GiB".formatted(valueHeads, keyDim, valueDim));
    }
  }

  /**
   * The columns of all queries, and of all keys.
   *
   * @return key heads times their dimensions
   */
  public int keyColumns() {
    return keyHeads * keyDim;
  }

  /**
   * The columns of all values.
   *
   * @return value heads times their dimensions
   */
  public int valueColumns() {
    return valueHeads * valueDim;
  }

  /**
   * What goes through the convolution: queries, keys and values.
   *
   * @return its columns
   */
  public int channels() {
    return 2 * keyColumns() + valueColumns();
  }

  /**
   * The columns of a row that the layer begins with: {@code [queries | keys | values | output gates
   * | write strengths | decays]}, one for each value head of the last two.
   *
   * @return its columns
   */
  public int inputColumns() {
    return channels() + valueColumns() + 2 * valueHeads;
  }

  /**
   * How many elements the convolution's part of a state has.
   *
   * @return F32 values
   */
  public long historyElements() {
    return (long) (taps - 1) * channels();
  }

  /**
   * Where the matrix of a head begins in a state.
   *
   * @param valueHead from 0; their number gives the state's size
   * @return elements
   */
  public long matrixAt(int valueHead) {
    return historyElements() + (long) valueHead * keyDim * valueDim;
  }

  /**
   * The size of a layer's state.
   *
   * @return its bytes
   */
  public long stateBytes() {
    return matrixAt(valueHeads) * Float.BYTES;
  }
}
