package dev.serval.models.cpu;

import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import java.lang.foreign.MemorySegment;

/**
 * KV blocks in native memory.
 *
 * @param owner the backend that made them
 * @param layout how a block is laid out
 * @param blocks how many there are
 * @param segment all of them, one after the other
 */
public record CpuKvMemory(CpuBackend owner, KvLayout layout, int blocks, MemorySegment segment)
    implements KvMemory {}
