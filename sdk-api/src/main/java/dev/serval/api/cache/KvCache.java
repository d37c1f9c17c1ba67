package dev.serval.api.cache;

import dev.serval.api.IsolationScope;

/**
 * Hands the blocks of one engine's KV memory to its sequences, and finds blocks again whose tokens
 * were computed before. All of it, sequences included, belongs to the engine's thread.
 *
 * <p>A block is <i>held</i> by the sequences that read or write it, or it is <i>free</i>. Full
 * blocks are published under their {@link KvKey}; a free block that is published stays findable
 * until it is handed out again, the least recently freed first. A block that is held is never
 * handed out or changed, except by the sequence that is filling it.
 */
public interface KvCache {
  /**
   * How many tokens a block holds.
   *
   * @return the slots of a block
   */
  int blockTokens();

  /**
   * How many blocks a sequence takes.
   *
   * @return the demand of each sequence
   */
  default KvDemand demand() {
    return KvDemand.ofAll(blockTokens());
  }

  /**
   * How many blocks there are.
   *
   * @return held and free blocks
   */
  int totalBlocks();

  /**
   * How many blocks no sequence holds.
   *
   * @return blocks that can be handed out, published or not
   */
  int freeBlocks();

  /**
   * What was asked and found since the cache was made.
   *
   * @return the counts at this moment
   */
  KvStatistics statistics();

  /**
   * How many blocks went to a {@link KvSwap}, came back from there or were refused there.
   *
   * @return the sum since the cache was made; cheaper than {@link #statistics}
   */
  default long movedBlocks() {
    return 0;
  }

  /** A step is over: blocks that were on their way back meanwhile are free ones, to be found. */
  default void arrive() {}

  /**
   * Begins a sequence that holds no block yet.
   *
   * @param scope whose blocks it may meet
   * @return the sequence, which the engine {@linkplain KvSequence#release() releases}
   */
  KvSequence open(IsolationScope scope);

  /**
   * Forgets every published block, so that nothing computed before is found again. Blocks that are
   * held stay with their sequences.
   */
  void clear();
}
