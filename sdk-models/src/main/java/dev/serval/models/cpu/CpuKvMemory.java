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
 * @param elements reads and writes them
 */
public record CpuKvMemory(
    CpuBackend owner, KvLayout layout, int blocks, MemorySegment segment, KvElements elements)
    implements KvMemory {
  CpuKvMemory(CpuBackend owner, KvLayout layout, int blocks, MemorySegment segment) {
    this(owner, layout, blocks, segment, new KvElements(segment, layout));
  }
}
