package dev.serval.models.cpu.generated;

import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.DType;
import dev.serval.api.device.NativeMemory;
import dev.serval.models.cpu.AttentionKernel;
import dev.serval.models.cpu.AttentionWork;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Attention over keys and values of BF16, by dot products of BF16. What lies otherwise in the cache
 * is left to another kernel.
 */
final class GeneratedAttentionKernel implements AttentionKernel {
  /*
   * Scores and outputs are products of small matrices, by the same tiles as linear maps: queries and
   * weights are rounded to BF16, as a linear map's inputs are, and everything else is F32. For scores,
   * lanes are positions and columns dimensions; for outputs, lanes are dimensions and columns
   * positions. A tile's queries have their scores, their weights and their part of the output
   * computed before the next tile's, so that none of it leaves the first-level cache.
   *
   * A row's bits depend on its own position alone: stretches lie at fixed multiples of their size
   * from position 0, a score is one chain over the dimensions, a stretch's part of an output one
   * over its positions, and positions that a query does not see add exactly 0 to both of its sums.
   */
  /** So many that putting keys and values into pairs takes little beside multiplying them. */
  private static final int QUERIES = 64;

  private final AttentionCode code;
  private final AttentionKernel others;
  private final int workers;
  private final List<AttentionRows> rows = new ArrayList<>();
  private @Nullable NativeMemory held;

  GeneratedAttentionKernel(AttentionCode code, AttentionKernel others, int workers) {
    this.code = code;
    this.others = others;
    this.workers = workers;
  }

  private static boolean takes(KvLayout layout) {
    return layout.dtype() == DType.BF16
        && layout.blockTokens() % Width.ZMM.lanes() == 0
        && layout.headDim() % ActivationGroup.COLUMNS == 0;
  }

  @Override
  public int rows(AttentionSpec spec, KvLayout layout) {
    return takes(layout) ? Math.max(ROWS, QUERIES / spec.group()) : others.rows(spec, layout);
  }

  @Override
  public void prepare(AttentionSpec spec, KvLayout layout, NativeMemory memory) {
    if (!takes(layout)) {
      others.prepare(spec, layout, memory);
      return;
    }
    int queries = rows(spec, layout) * spec.group();
    if (rows.isEmpty() || !rows.getFirst().fits(spec.headDim(), queries)) {
      makeRoom(memory, spec.headDim(), queries);
    }
  }

  private void makeRoom(NativeMemory memory, int headDim, int queries) {
    rows.clear();
    if (held != null) {
      held.close();
    }
    held = memory.child("attention");
    for (int worker = 0; worker < workers; worker++) {
      rows.add(new AttentionRows(held, code, headDim, queries));
    }
  }

  @Override
  public void attend(AttentionWork work, int from, int to, int kvHead, int worker) {
    if (!takes(work.kv().layout())) {
      others.attend(work, from, to, kvHead, worker);
      return;
    }
    AttentionRows own = rows.get(worker);
    begin(work, from, to, kvHead, own);
    int firstSeen = work.firstSeen(work.batch().position(from));
    int end = work.batch().position(to - 1) + 1;
    int stretch = firstSeen - firstSeen % PairTiles.STRETCH;
    for (; stretch < end; stretch += PairTiles.STRETCH) {
      int first = Math.max(stretch, firstSeen);
      int last = Math.min(end, stretch + PairTiles.STRETCH);
      int positions = own.tiles.begin(first - stretch, last - stretch);
      work.read(from, kvHead, stretch, first, last, own.tiles);
      for (int tile = 0; tile < own.tileCount(); tile++) {
        attend(work, from, tile, stretch, positions, own);
      }
    }
    store(work, from, to, kvHead, own);
  }

  private static void begin(AttentionWork work, int from, int to, int kvHead, AttentionRows own) {
    own.begin((to - from) * work.spec().group(), work.spec().scale());
    for (int tile = 0; tile < own.tileCount(); tile++) {
      for (int query = own.firstRow(tile); query < own.firstRow(tile + 1); query++) {
        long at = work.qkv().row(from + query / work.spec().group()) + head(work, query, kvHead);
        own.query(tile, query, work.qkv(), at);
      }
    }
  }

  /** Where a query's head is in its row. */
  private static long head(AttentionWork work, int query, int kvHead) {
    return (kvHead * work.spec().group() + query % work.spec().group())
        * (long) work.spec().headDim();
  }

  private static void attend(
      AttentionWork work, int from, int tile, int stretch, int positions, AttentionRows own) {
    own.score(tile, positions);
    for (int query = own.firstRow(tile); query < own.firstRow(tile + 1); query++) {
      int position = work.batch().position(from + query / work.spec().group());
      int first = Math.clamp(work.firstSeen(position) - stretch, 0, positions);
      int end = Math.clamp(position + 1 - stretch, first, positions);
      own.weigh(tile, query, first, end, positions);
    }
    own.addValues(tile, positions);
  }

  private static void store(AttentionWork work, int from, int to, int kvHead, AttentionRows own) {
    for (int query = 0; query < (to - from) * work.spec().group(); query++) {
      long row = work.out().row(from + query / work.spec().group());
      own.store(query, work.out(), row + head(work, query, kvHead));
    }
  }
}
