package dev.serval.models.cpu.generated;

import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.DType;
import dev.serval.api.device.NativeMemory;
import dev.serval.models.cpu.attention.AttentionKernel;
import dev.serval.models.cpu.attention.AttentionSums;
import dev.serval.models.cpu.attention.AttentionWork;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Attention over keys and values of BF16, by dot products of BF16. What lies otherwise in the cache
 * is left to another kernel, and so are scores with a softcap.
 */
final class GeneratedAttentionKernel implements AttentionKernel {
  /*
   * Scores and outputs are products of small matrices: queries and weights are rounded to BF16, as a
   * linear map's inputs are, and multiplied with keys and values where these lie (AttentionTile);
   * everything else is F32. A tile's queries have their scores, their weights and their part of the
   * output computed before the next tile's, so that none of it leaves the first-level cache.
   *
   * The softmax is the online one (Milakov and Gimelshein, https://arxiv.org/abs/1805.02867), a
   * stretch at a time: its weights go by its own largest score, and when it is added to those before
   * it, whichever has the smaller one is scaled down. A sink is what the first stretch is added to.
   *
   * A row's bits depend on its own position alone: stretches lie at fixed multiples of their size
   * from position 0, a score is one chain over the dimensions, a stretch's part of an output one
   * over its positions, and positions that a query does not see add exactly 0 to both of its sums.
   */
  /** So many that reading keys and values from the cache takes little beside multiplying them. */
  private static final int QUERIES = 64;

  private final AttentionCode code;
  private final AttentionKernel others;
  private final Optional<Merger> merger = Optional.of(this::merge);
  private final int workers;
  private final List<List<AttentionRows>> rooms = new ArrayList<>();
  private List<AttentionRows> rows = List.of();

  GeneratedAttentionKernel(AttentionCode code, AttentionKernel others, int workers) {
    this.code = code;
    this.others = others;
    this.workers = workers;
  }

  private static boolean takes(AttentionSpec spec, KvLayout layout) {
    return !spec.softcapped()
        && layout.dtype() == DType.BF16
        && layout.blockTokens() % AttentionTile.POSITIONS == 0
        && spec.headDim() % ActivationGroup.COLUMNS == 0
        && spec.valueDim() % ActivationGroup.COLUMNS == 0;
  }

  @Override
  public int rows(AttentionSpec spec, KvLayout layout) {
    return takes(spec, layout) ? Math.max(ROWS, QUERIES / spec.group()) : others.rows(spec, layout);
  }

  @Override
  public Optional<Merger> merger(AttentionSpec spec, KvLayout layout) {
    return takes(spec, layout) ? merger : others.merger(spec, layout);
  }

  @Override
  public void prepare(AttentionSpec spec, KvLayout layout, NativeMemory memory) {
    if (!takes(spec, layout)) {
      others.prepare(spec, layout, memory);
      return;
    }
    int queries = rows(spec, layout) * spec.group();
    for (int i = 0; i < rooms.size(); i++) {
      rows = rooms.get(i);
      if (rows.getFirst().fits(spec, layout, queries)) {
        return;
      }
    }
    makeRoom(memory, spec, layout, queries);
  }

  private void makeRoom(NativeMemory memory, AttentionSpec spec, KvLayout layout, int queries) {
    NativeMemory held = memory.child("attention");
    AttentionProducts products =
        new AttentionProducts(spec.headDim(), spec.valueDim(), layout.blockTokens());
    rows = new ArrayList<>();
    for (int worker = 0; worker < workers; worker++) {
      rows.add(new AttentionRows(held, code, products, queries));
    }
    rooms.add(rows);
  }

  @Override
  public void attend(AttentionWork work, int piece, int kvHead, int worker) {
    if (!takes(work.spec(), work.kv().layout())) {
      others.attend(work, piece, kvHead, worker);
      return;
    }
    AttentionRows own = rows.get(worker);
    begin(work, piece, kvHead, own);
    if (work.pieces().whole(piece)) {
      own.clear();
      work.readSinks(piece, kvHead, own);
      addUp(work, piece, kvHead, own, own.stretch(), 0);
      store(work, piece, kvHead, own);
    } else {
      long sums = work.sums().address() + work.sumsAt(piece, kvHead);
      addUp(work, piece, kvHead, own, sums, stretchBytes(work, piece));
    }
  }

  private void merge(AttentionWork work, int piece, int kvHead, int worker) {
    AttentionRows own = rows.get(worker);
    own.begin(work.pieces().queries(piece), work.spec().scale());
    own.clear();
    work.readSinks(piece, kvHead, own);
    long sums = work.sums().address() + work.sumsAt(piece, kvHead);
    for (int query = 0; query < work.pieces().queries(piece); query++) {
      own.merge(query, sums, work.pieces().stretches(piece), stretchBytes(work, piece));
      sums += AttentionSums.bytes(work.spec().valueDim());
    }
    store(work, piece, kvHead, own);
  }

  /** The size of what is kept of a stretch that is merged later. */
  private static long stretchBytes(AttentionWork work, int piece) {
    return work.pieces().queries(piece) * AttentionSums.bytes(work.spec().valueDim());
  }

  private static void begin(AttentionWork work, int piece, int kvHead, AttentionRows own) {
    own.begin(work.pieces().queries(piece), work.spec().scale());
    for (int tile = 0; tile < own.tileCount(); tile++) {
      for (int query = own.firstRow(tile); query < own.firstRow(tile + 1); query++) {
        long row = work.qkv().row(row(work, piece, query));
        long head = head(work, query, kvHead) * work.spec().headDim();
        own.query(tile, query, work.qkv(), row + head);
      }
    }
  }

  private static int row(AttentionWork work, int piece, int query) {
    return work.pieces().firstRow(piece) + query / work.spec().group();
  }

  /** Which of a row's heads a query is. */
  private static long head(AttentionWork work, int query, int kvHead) {
    return (long) kvHead * work.spec().group() + query % work.spec().group();
  }

  /** Adds up each stretch, at the same place if it is merged at once. */
  private static void addUp(
      AttentionWork work, int piece, int kvHead, AttentionRows own, long sums, long apart) {
    int from = work.pieces().first(piece);
    int end = work.pieces().end(piece);
    long at = sums;
    for (int stretch = from - from % STRETCH; stretch < end; stretch += STRETCH) {
      int first = Math.max(stretch, from);
      int last = Math.min(end, stretch + STRETCH);
      int positions = own.blocks.begin(first - stretch, last - stretch);
      work.read(work.pieces().firstRow(piece), kvHead, stretch, first, last, own.blocks);
      if (own.asks()) {
        readNext(work, piece, kvHead, last, own);
      }
      for (int tile = 0; tile < own.tileCount(); tile++) {
        addUp(work, piece, tile, stretch, positions, own, at);
      }
      at += apart;
    }
  }

  /** What comes next, most likely: the next stretch, the next key head, or the next piece. */
  private static void readNext(
      AttentionWork work, int piece, int kvHead, int end, AttentionRows own) {
    if (end < work.pieces().end(piece)) {
      readNext(work, piece, kvHead, end, own.blocks);
    } else if (kvHead + 1 < work.spec().kvHeads()) {
      readNext(work, piece, kvHead + 1, work.pieces().first(piece), own.blocks);
    } else if (piece > 0) {
      readNext(work, piece - 1, 0, work.pieces().first(piece - 1), own.blocks);
    }
  }

  private static void readNext(
      AttentionWork work, int piece, int kvHead, int first, KvBlocks blocks) {
    int stretch = first - first % STRETCH;
    int end = Math.min(work.pieces().end(piece), stretch + STRETCH);
    work.read(work.pieces().firstRow(piece), kvHead, stretch, first, end, blocks.next());
  }

  private static void addUp(
      AttentionWork work,
      int piece,
      int tile,
      int stretch,
      int positions,
      AttentionRows own,
      long sums) {
    boolean whole = work.pieces().whole(piece);
    long at =
        whole ? sums : sums + own.firstRow(tile) * AttentionSums.bytes(work.spec().valueDim());
    own.score(tile, positions);
    for (int query = own.firstRow(tile); query < own.firstRow(tile + 1); query++) {
      int position = work.batch().position(row(work, piece, query));
      int first = Math.clamp(work.spec().window().firstSeen(position) - stretch, 0, positions);
      int end = Math.clamp(position + 1 - stretch, first, positions);
      own.weigh(tile, query, first, end, positions, at);
    }
    own.addUp(tile, positions, at);
    if (whole) {
      own.merge(tile);
    }
  }

  private static void store(AttentionWork work, int piece, int kvHead, AttentionRows own) {
    for (int query = 0; query < work.pieces().queries(piece); query++) {
      long row = work.out().row(row(work, piece, query));
      own.store(query, work.out(), row + head(work, query, kvHead) * work.spec().valueDim());
    }
  }
}
