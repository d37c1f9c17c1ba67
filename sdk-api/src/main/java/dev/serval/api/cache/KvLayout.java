package dev.serval.api.cache;

import dev.serval.api.compute.DType;
import java.util.Collections;
import java.util.List;
import java.util.Objects;

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
 * <p>Where things lie is worked out once: operations ask for it in each step. Layouts are equal if
 * their blocks lie alike.
 */
public final class KvLayout {
  /** States begin and end at lines of the processor's caches. */
  private static final long LINE = 64;

  private final List<KvShape> layers;
  private final int blockTokens;
  private final DType dtype;
  private final long stateBytes;

  /** Of each layer, and behind them that of the end of the last. */
  private final long[] layerOffsets;

  /**
   * Refuses sizes below 1, blocks beyond 2 GiB, and types whose blocks do not divide a head.
   *
   * @param layers what each of the model's layers that keep keys and values has of a token
   * @param blockTokens slots of a block: tokens it holds
   * @param dtype how elements of keys and values are kept
   * @param stateBytes how much the states of all other layers take; 0 where there are none
   */
  public KvLayout(List<KvShape> layers, int blockTokens, DType dtype, long stateBytes) {
    this.layers = List.copyOf(layers);
    this.blockTokens = blockTokens;
    this.dtype = dtype;
    this.stateBytes = stateBytes;
    if (layers.isEmpty() || blockTokens < 1) {
      throw new IllegalArgumentException(
          "a KV block has at least one layer and one slot, unlike %d, %d"
              .formatted(layers.size(), blockTokens));
    }
    if (stateBytes < 0) {
      throw new IllegalArgumentException("a state takes at least 0 bytes, not " + stateBytes);
    }
    layerOffsets = new long[layers.size() + 1];
    for (int layer = 0; layer < layers.size(); layer++) {
      layerOffsets[layer + 1] = Math.addExact(layerOffsets[layer], layerBytes(layer));
    }
    long keysAndValues = layerOffsets[layers.size()];
    if (keysAndValues > Integer.MAX_VALUE || stateBytes > Integer.MAX_VALUE - keysAndValues) {
      throw new IllegalArgumentException(
          "a KV block of %d bytes and a state of %d bytes is over 2 GiB"
              .formatted(keysAndValues, stateBytes));
    }
  }

  /**
   * Of layers that are all alike, and a state.
   *
   * @param layers how many there are
   * @param kvHeads key and value heads of a layer
   * @param headDim dimensions of a head
   * @param blockTokens slots of a block: tokens it holds
   * @param dtype how elements are kept
   * @param stateBytes how much the states of all other layers take
   */
  public KvLayout(
      int layers, int kvHeads, int headDim, int blockTokens, DType dtype, long stateBytes) {
    this(
        Collections.nCopies(layers, new KvShape(kvHeads, headDim)), blockTokens, dtype, stateBytes);
  }

  /**
   * Of layers that are all alike.
   *
   * @param layers how many there are
   * @param kvHeads key and value heads of a layer
   * @param headDim dimensions of a head
   * @param blockTokens slots of a block: tokens it holds
   * @param dtype how elements are kept
   */
  public KvLayout(int layers, int kvHeads, int headDim, int blockTokens, DType dtype) {
    this(layers, kvHeads, headDim, blockTokens, dtype, 0);
  }

  /**
   * What each of the model's layers that keep keys and values has of a token.
   *
   * @return at least one
   */
  public List<KvShape> layers() {
    return layers;
  }

  /**
   * How many tokens a block holds.
   *
   * @return its slots
   */
  public int blockTokens() {
    return blockTokens;
  }

  /**
   * How elements of keys and values are kept.
   *
   * @return their type
   */
  public DType dtype() {
    return dtype;
  }

  /**
   * How much the states of all other layers take.
   *
   * @return bytes; 0 where there are none
   */
  public long stateBytes() {
    return stateBytes;
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
    long keysAndValues = layerOffsets[layers.size()];
    return stateBytes == 0 ? keysAndValues : Math.ceilDiv(keysAndValues, LINE) * LINE;
  }

  /**
   * Where a layer begins in a block.
   *
   * @param layer from 0, or how many there are for the end of the last
   * @return the offset, in bytes
   */
  public long layerOffset(int layer) {
    return layerOffsets[layer];
  }

  /**
   * The size of one head's keys in a block.
   *
   * @param layer from 0
   * @return its bytes, over all slots
   */
  public long keyBytes(int layer) {
    return blockTokens * dtype.bytes(layers.get(layer).keyDim());
  }

  /**
   * The size of one head's values in a block.
   *
   * @param layer from 0
   * @return its bytes, over all slots
   */
  public long valueBytes(int layer) {
    return blockTokens * dtype.bytes(layers.get(layer).valueDim());
  }

  /**
   * Where values begin in a layer, behind all keys.
   *
   * @param layer from 0
   * @return the offset of the first head's from where the layer begins, in bytes
   */
  public long valuesOffset(int layer) {
    return layers.get(layer).heads() * keyBytes(layer);
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

  private long layerBytes(int layer) {
    KvShape shape = layers.get(layer);
    long token = dtype.bytes(shape.keyDim()) + dtype.bytes(shape.valueDim());
    return Math.multiplyExact(Math.multiplyExact(token, (long) shape.heads()), (long) blockTokens);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof KvLayout another
        && layers.equals(another.layers)
        && blockTokens == another.blockTokens
        && dtype == another.dtype
        && stateBytes == another.stateBytes;
  }

  @Override
  public int hashCode() {
    return Objects.hash(layers, blockTokens, dtype, stateBytes);
  }

  /** All that makes layouts equal: the keys of blocks are made of it. */
  @Override
  public String toString() {
    return "KvLayout[layers=%s, blockTokens=%d, dtype=%s, stateBytes=%d]"
        .formatted(layers, blockTokens, dtype, stateBytes);
  }
}
