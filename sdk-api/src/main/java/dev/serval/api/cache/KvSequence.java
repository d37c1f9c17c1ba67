package dev.serval.api.cache;

/**
 * The KV of one sequence. Its tokens are given anew with each call, since the engine owns them;
 * they never change once they are computed.
 */
public interface KvSequence {
  /**
   * Takes hold of published blocks that hold the beginning of these tokens. Called on a sequence
   * that holds no block; what is found is not computed again.
   *
   * @param tokens where the tokens are
   * @param limit how many of them may be reused at most; the engine always leaves one to compute
   * @return how many tokens were found, a multiple of the block size, at most {@code limit}
   */
  int reuse(int[] tokens, int limit);

  /**
   * Begins to bring back published blocks of the beginning of these tokens that are kept elsewhere,
   * while the next step computes. Called on a sequence that holds no block, and will look for them
   * when that step is over.
   *
   * @param tokens where the tokens are
   * @param limit how many of them may be reused at most
   * @param most how many free blocks may be taken for it
   * @return how many blocks are on their way
   */
  default int bring(int[] tokens, int limit, int most) {
    return 0;
  }

  /**
   * Takes as many blocks as these many tokens need in all, of layers with a window for no more than
   * a step computes beyond what is computed: as the window moves on, blocks behind it make room for
   * those ahead. Either all that are missing are taken, or none.
   *
   * @param tokens the tokens the sequence shall have room for
   * @return whether it has room now; false if there are not enough free blocks
   */
  boolean reserve(int tokens);

  /**
   * How many blocks {@link #reserve} would take.
   *
   * @param tokens the tokens the sequence shall have room for
   * @return the blocks that are missing
   */
  int missing(int tokens);

  /**
   * How far it has room now.
   *
   * @return how many tokens can be computed in all
   */
  int room();

  /**
   * Tells that the KV of the first tokens is computed; blocks that became full are published, and
   * those are let go of that no query sees any more. In their place come those of the tokens that
   * follow, up to what was reserved, unless others hold them still and none is free.
   *
   * @param tokens where the tokens are
   * @param computed how many of them are computed in all, never less than before
   */
  void commit(int[] tokens, int computed);

  /**
   * Lets go of all blocks, the last one first, so that the beginning of a sequence stays findable
   * the longest. The sequence is then as new and may reuse and reserve again.
   */
  void release();

  /**
   * Lets go of all blocks as {@link #release} does, but will come back for them: what is published
   * of them is handed out after all that was released. Should the sequence never come back, they
   * stay that long for nothing. A cache that does not tell them apart may leave this as it is.
   */
  default void suspend() {
    release();
  }

  /**
   * The blocks it holds.
   *
   * @return the same table for the sequence's whole life
   */
  BlockTable blocks();
}
