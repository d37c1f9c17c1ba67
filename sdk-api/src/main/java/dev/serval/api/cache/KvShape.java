package dev.serval.api.cache;

/**
 * What one layer keeps of a token.
 *
 * @param heads key heads, each with its values
 * @param keyDim dimensions of a head's key
 * @param valueDim dimensions of its value
 */
public record KvShape(int heads, int keyDim, int valueDim) {
  /** Refuses sizes below 1. */
  public KvShape {
    if (heads < 1 || keyDim < 1 || valueDim < 1) {
      throw new IllegalArgumentException(
          "a layer has at least one head, with keys and values of at least one dimension, unlike %d, %d, %d"
              .formatted(heads, keyDim, valueDim));
    }
  }

  /**
   * With keys and values of one size.
   *
   * @param heads key heads
   * @param headDim dimensions of a key, and of a value
   */
  public KvShape(int heads, int headDim) {
    this(heads, headDim, headDim);
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
