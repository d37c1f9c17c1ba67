package dev.serval.api.model;

import java.util.OptionalInt;

/**
 * What an embedding model may take.
 *
 * @param threads how many threads compute a batch, at least 1
 * @param maxTokens how long a text may be at most; empty for what its files say
 */
public record EmbeddingLimits(int threads, OptionalInt maxTokens) {}
