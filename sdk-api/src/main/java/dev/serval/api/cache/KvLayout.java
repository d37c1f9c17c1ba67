package dev.serval.api.cache;

import dev.serval.api.compute.AttentionWindow;
import dev.serval.api.compute.DType;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * How one KV block lies in memory: {@code [layer][key | value][head][slots and dimensions]},
 * contiguous over all layers of its group, so that moving a block between tiers is one copy. How
 * slots and dimensions of a head lie is the backend's affair.
 *
 * <p>Layers whose queries see the same positions are in groups of their own, each with a block for
 * the same tokens: where queries have a window, what lies before it is let go of, though others
 * still need those tokens. Blocks of all groups are of one size. Where no layer has a window, or
 * all have the same, there is one group of all.
 *
 * <p>Layers that keep a state of a sequence in place of keys and values are in groups as if their
 * queries saw two positions: to compute a token takes the state as it is behind the one before.
 * Their block for some tokens holds it as it is behind the last of those that was computed, so full
 * blocks of all groups hold all that a sequence needs to go on behind them, and whoever finds,
 * moves or compares blocks need not know of states.
 *
 * <p>Where things lie is worked out once: operations ask for it in each step. Layouts are equal if
 * their blocks lie alike.
 */
public final class KvLayout {
  /** States begin and end at lines of the processor's caches. */
  private static final long LINE = 64;

  private static final int LEAST_REACH = 64;
  private static final int PARTS = 8;

  /** A token's state follows from the one before. */
  private static final AttentionWindow CARRIED = new AttentionWindow.Sliding(2);

  private final List<KvShape> layers;
  private final int blockTokens;
  private final DType dtype;
  private final StateShape states;

  private final KvGroups groups;

  /**
   * Refuses sizes below 1, blocks beyond 2 GiB, and types whose blocks do not divide a head.
   *
   * @param layers what each of the model's layers that keep keys and values has of a token
   * @param blockTokens slots of a block: tokens it holds
   * @param dtype how elements of keys and values are kept
   * @param states what all other layers have of a sequence
   */
  public KvLayout(List<KvShape> layers, int blockTokens, DType dtype, StateShape states) {
    this.layers = List.copyOf(layers);
    this.blockTokens = blockTokens;
    this.dtype = dtype;
    this.states = states;
    if (layers.isEmpty() || blockTokens < 1) {
      throw new IllegalArgumentException(
          "a KV block has at least one layer and one slot, unlike %d, %d"
              .formatted(layers.size(), blockTokens));
    }
    groups = new KvGroups(windows(), sizes(), states.layers());
    if (blockBytes() > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "a KV block of %d bytes is over 2 GiB".formatted(blockBytes()));
    }
  }

  private List<AttentionWindow> windows() {
    return Stream.concat(
            layers.stream().map(KvShape::window),
            Collections.nCopies(states.layers(), CARRIED).stream())
        .toList();
  }

  private long[] sizes() {
    return LongStream.concat(
            IntStream.range(0, layers.size()).mapToLong(this::layerBytes),
            LongStream.generate(this::alignedStateBytes).limit(states.layers()))
        .toArray();
  }

  private long alignedStateBytes() {
    return Math.multiplyExact(Math.ceilDiv(states.bytes(), LINE), LINE);
  }

  /**
   * Of layers that all keep keys and values.
   *
   * @param layers what each has of a token
   * @param blockTokens slots of a block: tokens it holds
   * @param dtype how elements are kept
   */
  public KvLayout(List<KvShape> layers, int blockTokens, DType dtype) {
    this(layers, blockTokens, dtype, StateShape.NONE);
  }

  /**
   * Of layers that are all alike, and states.
   *
   * @param layers how many there are
   * @param kvHeads key and value heads of a layer
   * @param headDim dimensions of a head
   * @param blockTokens slots of a block: tokens it holds
   * @param dtype how elements are kept
   * @param states what all other layers have of a sequence
   */
  public KvLayout(
      int layers, int kvHeads, int headDim, int blockTokens, DType dtype, StateShape states) {
    this(Collections.nCopies(layers, new KvShape(kvHeads, headDim)), blockTokens, dtype, states);
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
    this(layers, kvHeads, headDim, blockTokens, dtype, StateShape.NONE);
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
   * What layers have of a sequence that keep no keys and values.
   *
   * @return how many there are, and how much each keeps
   */
  public StateShape states() {
    return states;
  }

  /**
   * How many groups layers are in.
   *
   * @return how many blocks hold a block's tokens
   */
  public int groups() {
    return groups.windows().size();
  }

  /**
   * Which positions queries of a group's layers see.
   *
   * @param group from 0
   * @return what lies before those need not be kept
   */
  public AttentionWindow window(int group) {
    return groups.windows().get(group);
  }

  /**
   * Whether a group's layers let go of blocks behind a window.
   *
   * @param group from 0
   * @return whether its queries do not see everything
   */
  public boolean isWindowed(int group) {
    return window(group).positions() < Integer.MAX_VALUE;
  }

  /**
   * The group of a layer.
   *
   * @param layer from 0
   * @return which group, from 0
   */
  public int group(int layer) {
    return groups.group(layer);
  }

  /**
   * Where a sequence's block table has the block of a layer and a position.
   *
   * @param layer from 0
   * @param position from 0
   * @return which entry, from 0
   */
  public int entry(int layer, int position) {
    return position / blockTokens * groups() + group(layer);
  }

  /**
   * The group of a layer with a state.
   *
   * @param state the layer, from 0 among those with a state
   * @return which group, from 0
   */
  public int stateGroup(int state) {
    return groups.group(layers.size() + state);
  }

  /**
   * Where a sequence's block table has the block of a layer with a state and a position.
   *
   * @param state the layer, from 0 among those with a state
   * @param position from 0
   * @return which entry, from 0
   */
  public int stateEntry(int state, int position) {
    return entry(layers.size() + state, position);
  }

  /**
   * How many blocks a sequence takes as it grows.
   *
   * @param ahead for how many tokens that are not computed yet it has blocks at most
   * @return its demand
   */
  public KvDemand demand(int ahead) {
    return new KvDemand(blockTokens, groups.windows(), ahead);
  }

  /**
   * How far steps may reach in one sequence: over all of their tokens, unless groups with a window
   * take more than an eighth of a cache for that, beside what the window takes.
   *
   * @param stepTokens how many tokens a step computes at most
   * @param blocks how many blocks the cache has
   * @return how many tokens of a sequence a step computes at most; no less than a block's, and 64,
   *     if a step has so many
   */
  public int reach(int stepTokens, int blocks) {
    int least = Math.min(stepTokens, Math.max(blockTokens, LEAST_REACH));
    int reach = stepTokens;
    int most = demand(1).passing() + blocks / PARTS;
    while (reach > least && demand(reach).passing() > most) {
      reach = Math.max(least, reach - blockTokens);
    }
    return reach;
  }

  /**
   * The size of a block.
   *
   * @return its bytes, over all layers of a group
   */
  public long blockBytes() {
    long bytes = groups.blockBytes();
    return states.layers() == 0 ? bytes : Math.ceilDiv(bytes, LINE) * LINE;
  }

  /**
   * What a token takes.
   *
   * @return bytes of its keys and values in all layers
   */
  public long tokenBytes() {
    long bytes = 0;
    for (int layer = 0; layer < layers.size(); layer++) {
      bytes += layerBytes(layer);
    }
    return bytes / blockTokens;
  }

  /**
   * Where a state begins in a block of its group.
   *
   * @param state the layer, from 0 among those with a state
   * @return the offset, in bytes
   */
  public long stateOffset(int state) {
    return groups.offset(layers.size() + state);
  }

  /**
   * Where a layer begins in a block of its group.
   *
   * @param layer from 0
   * @return the offset, in bytes
   */
  public long layerOffset(int layer) {
    return groups.offset(layer);
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
   * How many blocks hold this many tokens, if none is let go of.
   *
   * @param tokens the number of tokens
   * @return the blocks of all groups, the last of each perhaps not full
   */
  public int blocksFor(int tokens) {
    return Math.ceilDiv(tokens, blockTokens) * groups();
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
        && states.equals(another.states);
  }

  @Override
  public int hashCode() {
    return Objects.hash(layers, blockTokens, dtype, states);
  }

  /** All that makes layouts equal: the keys of blocks are made of it. */
  @Override
  public String toString() {
    return "KvLayout[layers=%s, blockTokens=%d, dtype=%s, states=%s]"
        .formatted(layers, blockTokens, dtype, states);
  }
}
