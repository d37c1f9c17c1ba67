package dev.serval.models.cpu;

import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.compute.StepBatch;
import java.lang.foreign.MemorySegment;

/**
 * KV blocks in native memory.
 *
 * @param owner the backend that made them
 * @param layout how a block is laid out
 * @param blocks how many there are
 * @param segment all of them, one after the other
 * @param elements reads and writes them
 * @param pages has the system give them in time
 */
public record CpuKvMemory(
    CpuBackend owner,
    KvLayout layout,
    int blocks,
    MemorySegment segment,
    KvElements elements,
    PagesAhead pages)
    implements KvMemory {
  CpuKvMemory(CpuBackend owner, KvLayout layout, int blocks, MemorySegment segment) {
    this(
        owner,
        layout,
        blocks,
        segment,
        new KvElements(segment, layout),
        new PagesAhead(segment.address(), segment.byteSize(), SystemCalls::populate));
  }

  /** The last block of each sequence of a step is about to be written. */
  void use(StepBatch batch) {
    for (int sequence = 0; sequence < batch.sequences(); sequence++) {
      int last = batch.position(batch.firstRow(sequence + 1) - 1) / layout.blockTokens();
      pages.use((batch.blockTable(sequence).block(last) + 1) * layout.blockBytes());
    }
  }
}
