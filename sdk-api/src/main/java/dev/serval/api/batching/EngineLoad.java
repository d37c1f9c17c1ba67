package dev.serval.api.batching;

/**
 * What an engine is doing at a moment.
 *
 * @param waiting sequences that hold no KV and wait for their turn
 * @param running sequences that hold KV
 * @param freeBlocks KV blocks that no sequence holds
 * @param totalBlocks all KV blocks
 */
public record EngineLoad(int waiting, int running, int freeBlocks, int totalBlocks) {}
