package dev.serval.models.cpu.memory;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.cache.KvShape;
import dev.serval.api.compute.AttentionWindow;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.StepBatch;
import dev.serval.models.cpu.system.SystemCalls;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * KV blocks in native memory.
 *
 * @param owner the backend that made them
 * @param layout how a block is laid out
 * @param blocks how many there are
 * @param segment all of them, one after the other
 * @param elements what reads and writes those of each layer
 * @param pages has the system give them in time
 */
public record CpuKvMemory(
    ComputeBackend owner,
    KvLayout layout,
    int blocks,
    MemorySegment segment,
    List<KvElements> elements,
    PagesAhead pages)
    implements KvMemory {
  public CpuKvMemory(ComputeBackend owner, KvLayout layout, int blocks, MemorySegment segment) {
    this(
        owner,
        layout,
        blocks,
        segment,
        elements(segment, layout),
        new PagesAhead(segment.address(), segment.byteSize(), SystemCalls::populate));
  }

  private static List<KvElements> elements(MemorySegment segment, KvLayout layout) {
    Map<KvShape, KvElements> shapes = new HashMap<>();
    return layout.layers().stream()
        .map(layer -> layer.within(AttentionWindow.NONE))
        .map(shape -> shapes.computeIfAbsent(shape, each -> new KvElements(segment, layout, each)))
        .toList();
  }

  /** The last blocks of each sequence of a step are about to be written. */
  public void use(StepBatch batch) {
    for (int sequence = 0; sequence < batch.sequences(); sequence++) {
      BlockTable table = batch.blockTable(sequence);
      int last = batch.position(batch.firstRow(sequence + 1) - 1) / layout.blockTokens();
      for (int group = 0; group < layout.groups(); group++) {
        pages.use((table.block(last * layout.groups() + group) + 1) * layout.blockBytes());
      }
    }
  }
}
