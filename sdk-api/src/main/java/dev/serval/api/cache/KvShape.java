package dev.serval.api.cache;

import dev.serval.api.compute.AttentionWindow;

/**
 * What one layer keeps of a sequence.
 *
 * @param heads key heads, each with its values
 * @param keyDim dimensions of a head's key
 * @param valueDim dimensions of its value
 * @param window which positions queries see: what lies before them need not be kept
 */
public record KvShape(int heads, int keyDim, int valueDim, AttentionWindow window) {
  /** Refuses sizes below 1. */
  public KvShape {
    if (heads < 1 || keyDim < 1 || valueDim < 1) {
      throw new IllegalArgumentException(
          "a layer has at least one head, with keys and values of at least one dimension, unlike %d, %d, %d"
              .formatted(heads, keyDim, valueDim));
    }
  }

  /**
   * Of all positions.
   *
   * @param heads key heads, each with its values
   * @param keyDim dimensions of a head's key
   * @param valueDim dimensions of its value
   */
  public KvShape(int heads, int keyDim, int valueDim) {
    this(heads, keyDim, valueDim, AttentionWindow.NONE);
  }

  /**
   * Of all positions, with keys and values of one size.
   *
   * @param heads key heads
   * @param headDim dimensions of a key, and of a value
   */
  public KvShape(int heads, int headDim) {
    this(heads, headDim, headDim);
  }

  /**
   * The same of the positions that a window leaves.
   *
   * @param seen which positions queries see
   * @return the shape
   */
  public KvShape within(AttentionWindow seen) {
    return new KvShape(heads, keyDim, valueDim, seen);
  }

  /**
   * How much there is.
   *
   * @return the elements of a token's keys and values
   */
  public long elements() {
    return (long) heads * ((long) keyDim + valueDim);
  }
}
