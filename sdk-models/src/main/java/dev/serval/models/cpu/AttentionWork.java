package dev.serval.models.cpu;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.StepBatch;

/** Attention of a step's rows. Its parts are runs of rows of one sequence, times key heads. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class AttentionWork implements WorkCrew.Work {
  private final AttentionKernel kernel;
  private int[] firstRow = new int[0];
  private int[] endRow = new int[0];
  private int runs;
  private StepBatch batch;
  private CpuActivations qkv;
  private AttentionSpec spec;
  private CpuKvMemory kv;
  private CpuActivations out;
  private int layer;

  AttentionWork(AttentionKernel kernel) {
    this.kernel = kernel;
  }

  AttentionWork of(
      StepBatch step,
      CpuActivations rows,
      AttentionSpec rules,
      int cacheLayer,
      CpuKvMemory cache,
      CpuActivations output) {
    batch = step;
    qkv = rows;
    spec = rules;
    layer = cacheLayer;
    kv = cache;
    out = output;
    cutIntoRuns(kernel.rows(rules, cache.layout()));
    return this;
  }

  private void cutIntoRuns(int most) {
    if (firstRow.length < batch.maxRows()) {
      firstRow = new int[batch.maxRows()];
      endRow = new int[batch.maxRows()];
    }
    runs = 0;
    for (int sequence = 0; sequence < batch.sequences(); sequence++) {
      int end = batch.firstRow(sequence + 1);
      for (int row = batch.firstRow(sequence); row < end; row += most) {
        firstRow[runs] = row;
        endRow[runs++] = Math.min(row + most, end);
      }
    }
  }

  @Override
  public int parts() {
    return runs * spec.kvHeads();
  }

  @Override
  public long operations() {
    long seen = 0;
    for (int run = 0; run < runs; run++) {
      int last = batch.position(endRow[run] - 1);
      seen += (long) (endRow[run] - firstRow[run]) * (last + 1 - firstSeen(last));
    }
    return 2 * seen * spec.queryColumns();
  }

  /** Chunks come behind decodes in a step, and have the longer runs: those begin first. */
  @Override
  public void part(int part, int worker) {
    int run = runs - 1 - part / spec.kvHeads();
    kernel.attend(this, firstRow[run], endRow[run], part % spec.kvHeads(), worker);
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
    int position = first;
    while (position < end) {
      int slot = position % layout.blockTokens();
      int slots = Math.min(layout.blockTokens() - slot, end - position);
      long block = blocks.block(position / layout.blockTokens()) * layout.blockBytes();
      long keys = block + layout.keyOffset(layer, kvHead);
      long values = block + layout.valueOffset(layer, kvHead);
      reader.read(kv, keys, values, slot, slots, position - stretch);
      position += slots;
    }
  }

  /** The first position that a query at this position sees. */
  public int firstSeen(int position) {
    return Math.max(0, position - spec.window() + 1);
  }
}
