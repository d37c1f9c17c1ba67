package dev.serval.api.cache;

/**
 * What a cache was asked and what it found, since it was made.
 *
 * @param queriedTokens tokens for which {@link KvSequence#reuse} looked
 * @param hitTokens tokens it found
 * @param publishedBlocks blocks that can be found at this moment
 * @param evictedBlocks published blocks that were handed out anew
 * @param savedBlocks those of them that were copied to a {@link KvSwap} before
 * @param loadedBlocks blocks that came back from there
 */
public record KvStatistics(
    long queriedTokens,
    long hitTokens,
    int publishedBlocks,
    long evictedBlocks,
    long savedBlocks,
    long loadedBlocks) {}
