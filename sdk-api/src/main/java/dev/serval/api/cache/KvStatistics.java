package dev.serval.api.cache;

/**
 * What a cache was asked and what it found, since it was made.
 *
 * @param queriedTokens tokens for which {@link KvSequence#reuse} looked
 * @param hitTokens tokens it found
 * @param publishedBlocks blocks that can be found at this moment
 * @param evictedBlocks published blocks that were handed out anew
 * @param swap what became of those of them for which there is a {@link KvSwap}
 */
public record KvStatistics(
    long queriedTokens, long hitTokens, int publishedBlocks, long evictedBlocks, Swap swap) {

  /**
   * Blocks that went elsewhere and came back.
   *
   * @param blockBytes the bytes of each
   * @param saved blocks that were copied to a slot
   * @param loaded blocks that came back
   * @param ahead those of them that came back while a step computed that did not need them
   * @param displaced blocks in a slot that was taken for another one
   * @param refused evicted blocks for which there was no slot
   * @param nanos how long the device was moving blocks, 0 where nobody measures it
   */
  public record Swap(
      long blockBytes,
      long saved,
      long loaded,
      long ahead,
      long displaced,
      long refused,
      long nanos) {
    /** Where there is no room but the KV memory. */
    public static final Swap NONE = new Swap(0, 0, 0, 0, 0, 0, 0);

    /**
     * What was moved since another time.
     *
     * @param before what it was then
     * @return the differences
     */
    public Swap since(Swap before) {
      return new Swap(
          blockBytes,
          saved - before.saved,
          loaded - before.loaded,
          ahead - before.ahead,
          displaced - before.displaced,
          refused - before.refused,
          nanos - before.nanos);
    }
  }
}
