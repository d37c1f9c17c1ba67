package dev.serval.models.cpu.attention;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.device.NativeMemory;
import dev.serval.models.cpu.crew.WorkCrew;
import dev.serval.models.cpu.linear.CpuWeight;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.memory.CpuKvMemory;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Attention of a step's rows. Its parts are pieces of it, times key heads. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class AttentionWork implements WorkCrew.Work {
  private static final int ALIGNMENT = 64;

  private final AttentionKernel kernel;
  private final NativeMemory memory;
  private final int workers;
  private final AttentionPieces pieces = new AttentionPieces();
  private final Merging merging = new Merging();
  private @Nullable NativeMemory held;
  private MemorySegment sums = MemorySegment.NULL;
  private AttentionKernel.Merger merger;
  private StepBatch batch;
  private CpuActivations qkv;
  private AttentionSpec spec;
  private CpuKvMemory kv;
  private CpuActivations out;
  private CpuWeight.@Nullable Vector sinks;
  private int layer;
  private long layerOffset;

  public AttentionWork(AttentionKernel kernel, NativeMemory memory, int workers) {
    this.kernel = kernel;
    this.memory = memory;
    this.workers = workers;
  }

  public AttentionWork of(
      StepBatch step,
      CpuActivations rows,
      AttentionSpec rules,
      int cacheLayer,
      CpuKvMemory cache,
      CpuActivations output) {
    sinks = null;
    batch = step;
    qkv = rows;
    spec = rules;
    layer = cacheLayer;
    kv = cache;
    layerOffset = cache.layout().layerOffset(cacheLayer);
    out = output;
    kernel.prepare(spec, kv.layout(), memory);
    pieces.cut(batch, spec, kernel.rows(spec, kv.layout()), workers, room());
    return this;
  }

  /** The sinks of query heads, if they have any. */
  public AttentionWork beside(CpuWeight.@Nullable Vector scores) {
    sinks = scores;
    return this;
  }

  /** For how many sums there is room: for those of as many positions as the cache has. */
  private int room() {
    Optional<AttentionKernel.Merger> found = kernel.merger(spec, kv.layout());
    if (workers == 1 || found.isEmpty()) {
      return 0;
    }
    merger = found.get();
    long positions = (long) kv.blocks() * kv.layout().blockTokens();
    long bytes = (positions / AttentionKernel.STRETCH + 1) * spec.heads() * sumsBytes();
    if (sums.byteSize() < bytes) {
      if (held != null) {
        held.close();
      }
      held = memory.child("attention sums");
      sums = held.allocate(bytes, ALIGNMENT);
    }
    return (int) Math.min(sums.byteSize() / sumsBytes(), Integer.MAX_VALUE);
  }

  private long sumsBytes() {
    return AttentionSums.bytes(spec.valueDim());
  }

  @Override
  public int parts() {
    return pieces.count() * spec.kvHeads();
  }

  @Override
  public long operations() {
    return pieces.seen() * (spec.queryColumns() + spec.outputColumns());
  }

  /** Chunks come behind decodes in a step, and have the longer runs: those begin first. */
  @Override
  public void part(int part, int worker) {
    int piece = pieces.count() - 1 - part / spec.kvHeads();
    kernel.attend(this, piece, part % spec.kvHeads(), worker);
  }

  /** What is left when all parts are done: the merging of what was cut. */
  public WorkCrew.Work merging() {
    return merging;
  }

  /** Whether anything is left to merge. */
  public boolean cut() {
    return pieces.cuts() > 0;
  }

  /** Its parts are runs that were cut, times key heads. */
  private final class Merging implements WorkCrew.Work {
    @Override
    public int parts() {
      return pieces.cuts() * spec.kvHeads();
    }

    @Override
    public long operations() {
      long merged = 0;
      for (int cut = 0; cut < pieces.cuts(); cut++) {
        int run = pieces.cutRun(cut);
        merged += (long) pieces.queries(run) * pieces.stretches(run);
      }
      return 2 * merged * spec.kvHeads() * spec.valueDim();
    }

    @Override
    public void part(int part, int worker) {
      int run = pieces.cutRun(part / spec.kvHeads());
      merger.merge(AttentionWork.this, run, part % spec.kvHeads(), worker);
    }
  }

  /** How the step is cut. */
  public AttentionPieces pieces() {
    return pieces;
  }

  /** Memory for the {@link AttentionSums} of pieces that are not whole. */
  public MemorySegment sums() {
    return sums;
  }

  /**
   * Where the sums of a piece that is not whole go: stretch after stretch, in each those of all
   * queries of the key head.
   *
   * @param piece which piece; the first one of a run has the sums of all its stretches
   * @param kvHead which key head
   * @return where the first ones begin, in bytes
   */
  public long sumsAt(int piece, int kvHead) {
    return pieces.sums(piece, kvHead) * sumsBytes();
  }

  /** The step. */
  public StepBatch batch() {
    return batch;
  }

  /** Rows of queries, keys and values. */
  public CpuActivations qkv() {
    return qkv;
  }

  /** The rules. */
  public AttentionSpec spec() {
    return spec;
  }

  /** Which layer of the cache. */
  public int layer() {
    return layer;
  }

  /** The cache. */
  public CpuKvMemory kv() {
    return kv;
  }

  /** Where the output goes. */
  public CpuActivations out() {
    return out;
  }

  /**
   * Has the sinks of all queries of a key head read, if there are any.
   *
   * @param piece which piece
   * @param kvHead which key head
   * @param reader who reads
   */
  public void readSinks(int piece, int kvHead, SinkReader reader) {
    if (sinks == null) {
      return;
    }
    int firstHead = kvHead * spec.group();
    for (int query = 0; query < pieces.queries(piece); query++) {
      reader.sink(query, sinks.at(firstHead + query % spec.group()));
    }
  }

  /**
   * Has keys and values read that lie in the blocks of a row's sequence.
   *
   * @param row any row of the sequence
   * @param kvHead which key head
   * @param stretch the position that the reader counts from
   * @param first the first position to read
   * @param end behind the last
   * @param reader who reads
   */
  public void read(int row, int kvHead, int stretch, int first, int end, SlotReader reader) {
    BlockTable blocks = batch.blockTable(batch.sequenceOf(row));
    KvLayout layout = kv.layout();
    long keys = layerOffset + kvHead * layout.keyBytes(layer);
    long values = layerOffset + layout.valuesOffset(layer) + kvHead * layout.valueBytes(layer);
    long blockBytes = layout.blockBytes();
    int slot = first % layout.blockTokens();
    int entry = layout.entry(layer, first);
    int position = first;
    while (position < end) {
      int slots = Math.min(layout.blockTokens() - slot, end - position);
      long at = blocks.block(entry) * blockBytes;
      reader.read(
          kv.elements().get(layer), at + keys, at + values, slot, slots, position - stretch);
      entry += layout.groups();
      position += slots;
      slot = 0;
    }
  }
}
