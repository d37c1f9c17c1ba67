package dev.serval.api.cache;

import dev.serval.api.compute.DType;

/**
 * How one KV block lies in memory: {@code [layer][key | value][head][slots and dimensions]},
 * contiguous over all layers, so that moving a block between tiers is one copy. How slots and
 * dimensions of a head lie is the backend's affair.
 *
 * <p>Layers that keep a state of a sequence in place of keys and values have it behind those of the
 * others, as it is after the last of the block's tokens that was computed: a full block holds all
 * that a sequence needs to go on behind it, and so whoever finds, moves or compares blocks need not
 * know of states.
 *
 * @param layers the model's layers that keep keys and values
 * @param kvHeads key and value heads of a layer
 * @param headDim dimensions of a head
 * @param blockTokens slots of a block: tokens it holds
 * @param dtype how elements of keys and values are kept
 * @param stateBytes how much the states of all other layers take; 0 where there are none
 */
public record KvLayout(
    int layers, int kvHeads, int headDim, int blockTokens, DType dtype, long stateBytes) {
  /** States begin and end at lines of the processor's caches. */
  private static final long LINE = 64;

  /** Refuses sizes below 1, blocks beyond 2 GiB, and types whose blocks do not divide a head. */
  public KvLayout {
    if (layers < 1 || kvHeads < 1 || headDim < 1 || blockTokens < 1) {
      throw new IllegalArgumentException(
          "a KV block has at least one layer, head, dimension and slot, unlike %d, %d, %d, %d"
              .formatted(layers, kvHeads, headDim, blockTokens));
    }
    if (stateBytes < 0) {
      throw new IllegalArgumentException("a state takes at least 0 bytes, not " + stateBytes);
    }
    long elements = Math.multiplyExact(2L * layers * kvHeads, (long) headDim * blockTokens);
    long keysAndValues = dtype.bytes(headDim) * (elements / headDim);
    if (keysAndValues > Integer.MAX_VALUE || stateBytes > Integer.MAX_VALUE - keysAndValues) {
      throw new IllegalArgumentException(
          "a KV block of %d elements and a state of %d bytes is over 2 GiB"
              .formatted(elements, stateBytes));
    }
  }

  /**
   * Of layers that all keep keys and values.
   *
   * @param layers the model's layers
   * @param kvHeads key and value heads of a layer
   * @param headDim dimensions of a head
   * @param blockTokens slots of a block: tokens it holds
   * @param dtype how elements are kept
   */
  public KvLayout(int layers, int kvHeads, int headDim, int blockTokens, DType dtype) {
    this(layers, kvHeads, headDim, blockTokens, dtype, 0);
  }

  /**
   * The size of a block.
   *
   * @return its bytes, over all layers
   */
  public long blockBytes() {
    return stateBytes == 0 ? stateOffset() : stateOffset() + Math.ceilDiv(stateBytes, LINE) * LINE;
  }

  /**
   * Where the states begin in a block.
   *
   * @return the offset of the first, in bytes
   */
  public long stateOffset() {
    long keysAndValues = layers * layerBytes();
    return stateBytes == 0 ? keysAndValues : Math.ceilDiv(keysAndValues, LINE) * LINE;
  }

  /**
   * The size of one layer in a block.
   *
   * @return its bytes, keys and values
   */
  public long layerBytes() {
    return 2L * kvHeads * headBytes();
  }

  /**
   * The size of one head's keys, or values, in a block.
   *
   * @return its bytes, over all slots
   */
  public long headBytes() {
    return blockTokens * dtype.bytes(headDim);
  }

  /**
   * Where a head's keys begin in a block.
   *
   * @param layer from 0
   * @param head from 0
   * @return the offset of slot 0, in bytes
   */
  public long keyOffset(int layer, int head) {
    return layer * layerBytes() + head * headBytes();
  }

  /**
   * Where a head's values begin in a block.
   *
   * @param layer from 0
   * @param head from 0
   * @return the offset of slot 0, in bytes
   */
  public long valueOffset(int layer, int head) {
    return keyOffset(layer, head) + kvHeads * headBytes();
  }

  /**
   * How many blocks hold this many tokens.
   *
   * @param tokens the number of tokens
   * @return the blocks, the last perhaps not full
   */
  public int blocksFor(int tokens) {
    return Math.ceilDiv(tokens, blockTokens);
  }
}
