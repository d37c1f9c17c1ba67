package dev.serval.models.cpu.vector;

import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.device.NativeMemory;
import dev.serval.models.cpu.attention.AttentionKernel;
import dev.serval.models.cpu.attention.AttentionWork;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Attention by the Vector API. */
final class VectorAttentionKernel implements AttentionKernel {
  /*
   * Keys and values are read from their blocks a stretch of positions at a time, widened to F32 once,
   * and used for all rows of the run and all query heads of the group: scores and outputs are products
   * of small matrices, by the same kernels as linear maps (TileProducts). For scores, lanes are
   * positions, which is how keys lie in the cache; for outputs, lanes are dimensions, which is how
   * values lie. A score is one chain over the dimensions, an output one over the positions.
   *
   * The softmax is the online one (Milakov and Gimelshein, https://arxiv.org/abs/1805.02867), a
   * stretch at a time: its weights go by its own largest score, and when it is added to those before
   * it, whichever has the smaller one is scaled down. A position that a query does not see has a score
   * of minus infinity, and so a weight of 0. A sink is what the first stretch is added to.
   *
   * A row's bits depend on its own position alone: stretches lie at fixed multiples of their size from
   * position 0, wherever the run begins and whatever the window, and the sum of weights has sixteen
   * parts by position, whatever the number of lanes. Positions that no row of the run sees count as 0,
   * never as what lies there, which may be anything.
   */
  private final List<List<AttentionState>> rooms = new ArrayList<>();
  private final Optional<Merger> merger = Optional.of(this::merge);
  private final int workers;
  private List<AttentionState> states = List.of();

  VectorAttentionKernel(int workers) {
    this.workers = workers;
  }

  @Override
  public void prepare(AttentionSpec spec, KvLayout layout, NativeMemory memory) {
    int heads = ROWS * spec.group();
    for (int i = 0; i < rooms.size(); i++) {
      states = rooms.get(i);
      if (states.getFirst().fits(spec, heads)) {
        return;
      }
    }
    states = new ArrayList<>();
    for (int worker = 0; worker < workers; worker++) {
      states.add(new AttentionState(spec.headDim(), spec.valueDim(), heads));
    }
    rooms.add(states);
  }

  @Override
  public Optional<Merger> merger(AttentionSpec spec, KvLayout layout) {
    return merger;
  }

  @Override
  public void attend(AttentionWork work, int piece, int kvHead, int worker) {
    AttentionState own = states.get(worker);
    int from = work.pieces().firstRow(piece);
    int to = work.pieces().endRow(piece);
    begin(work, from, to, kvHead, own);
    work.readSinks(piece, kvHead, own);
    int firstSeen = work.pieces().first(piece);
    int end = work.pieces().end(piece);
    long sums = work.pieces().whole(piece) ? 0 : work.sumsAt(piece, kvHead);
    for (int stretch = firstSeen - firstSeen % STRETCH; stretch < end; stretch += STRETCH) {
      int first = Math.max(stretch, firstSeen);
      int last = Math.min(end, stretch + STRETCH);
      int positions = own.tiles.begin(first - stretch, last - stretch);
      work.read(from, kvHead, stretch, first, last, own.tiles);
      own.score(positions);
      weigh(work, from, to, stretch, positions, own);
      own.addValues(positions);
      if (work.pieces().whole(piece)) {
        own.merge();
      } else {
        sums = own.keep(work.sums(), sums);
      }
    }
    if (work.pieces().whole(piece)) {
      store(work, from, to, kvHead, own);
    }
  }

  private void merge(AttentionWork work, int piece, int kvHead, int worker) {
    AttentionState own = states.get(worker);
    int from = work.pieces().firstRow(piece);
    int to = work.pieces().endRow(piece);
    own.begin(work.pieces().queries(piece), work.spec());
    work.readSinks(piece, kvHead, own);
    long sums = work.sumsAt(piece, kvHead);
    for (int stretch = 0; stretch < work.pieces().stretches(piece); stretch++) {
      sums = own.recall(work.sums(), sums);
      own.merge();
    }
    store(work, from, to, kvHead, own);
  }

  private static void begin(AttentionWork work, int from, int to, int kvHead, AttentionState own) {
    own.begin((to - from) * work.spec().group(), work.spec());
    int headDim = work.spec().headDim();
    for (int row = from; row < to; row++) {
      long query = work.qkv().row(row) + (long) kvHead * work.spec().group() * headDim;
      for (int head = 0; head < work.spec().group(); head++) {
        own.query(
            (row - from) * work.spec().group() + head, work.qkv(), query + (long) head * headDim);
      }
    }
  }

  private static void weigh(
      AttentionWork work, int from, int to, int stretch, int positions, AttentionState own) {
    for (int row = from; row < to; row++) {
      int position = work.batch().position(row);
      int first = Math.clamp(work.spec().window().firstSeen(position) - stretch, 0, positions);
      int end = Math.clamp(position + 1 - stretch, first, positions);
      for (int head = 0; head < work.spec().group(); head++) {
        own.weigh((row - from) * work.spec().group() + head, first, end, positions);
      }
    }
  }

  private static void store(AttentionWork work, int from, int to, int kvHead, AttentionState own) {
    int valueDim = work.spec().valueDim();
    for (int row = from; row < to; row++) {
      long at = work.out().row(row) + (long) kvHead * work.spec().group() * valueDim;
      for (int head = 0; head < work.spec().group(); head++) {
        own.store(
            (row - from) * work.spec().group() + head, work.out(), at + (long) head * valueDim);
      }
    }
  }
}
