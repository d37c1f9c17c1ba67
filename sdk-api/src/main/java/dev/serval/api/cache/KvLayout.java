package dev.serval.api.cache;

import dev.serval.api.compute.DType;
import java.util.Collections;
import java.util.List;

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
 * @param layers what each of the model's layers that keep keys and values has of a token
 * @param blockTokens slots of a block: tokens it holds
 * @param dtype how elements of keys and values are kept
 * @param stateBytes how much the states of all other layers take; 0 where there are none
 */
public record KvLayout(List<KvShape> layers, int blockTokens, DType dtype, long stateBytes) {
  /** States begin and end at lines of the processor's caches. */
  private static final long LINE = 64;

  /** Refuses sizes below 1, blocks beyond 2 GiB, and types whose blocks do not divide a head. */
  public KvLayout {
    layers = List.copyOf(layers);
    if (layers.isEmpty() || blockTokens < 1) {
      throw new IllegalArgumentException(
          "a KV block has at least one layer and one slot, unlike %d, %d"
              .formatted(layers.size(), blockTokens));
    }
    if (stateBytes < 0) {
      throw new IllegalArgumentException("a state takes at least 0 bytes, not " + stateBytes);
    }
    long keysAndValues = 0;
    for (KvShape layer : layers) {
      keysAndValues = Math.addExact(keysAndValues, layerBytes(layer, blockTokens, dtype));
    }
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
    long keysAndValues = layerOffset(layers.size());
    return stateBytes == 0 ? keysAndValues : Math.ceilDiv(keysAndValues, LINE) * LINE;
  }

  /**
   * Where a layer begins in a block. It takes as long as there are layers below it: operations ask
   * once.
   *
   * @param layer from 0, or how many there are for the end of the last
   * @return the offset, in bytes
   */
  public long layerOffset(int layer) {
    long offset = 0;
    for (int below = 0; below < layer; below++) {
      offset += layerBytes(layers.get(below), blockTokens, dtype);
    }
    return offset;
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

  private static long layerBytes(KvShape layer, int blockTokens, DType dtype) {
    long token = dtype.bytes(layer.keyDim()) + dtype.bytes(layer.valueDim());
    return Math.multiplyExact(Math.multiplyExact(token, (long) layer.heads()), (long) blockTokens);
  }
}
