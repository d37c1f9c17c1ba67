package dev.serval.models.cpu.plain;

import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.device.NativeMemory;
import dev.serval.models.cpu.attention.AttentionKernel;
import dev.serval.models.cpu.attention.AttentionWork;
import java.util.ArrayList;
import java.util.List;

/** Attention in plain Java. */
final class PlainAttentionKernel implements AttentionKernel {
  /*
   * Keys and values are read from their blocks a stretch of positions at a time, widened to F32 once,
   * and used for all rows of the run and all query heads of the group. Keys are laid out by dimension,
   * so that scores are added up with positions in lanes; values by position, so that the output is
   * added up with dimensions in lanes. Both vectorise without changing the order of a sum.
   *
   * The softmax is the online one (Milakov and Gimelshein, https://arxiv.org/abs/1805.02867): when a
   * stretch holds a larger score than all before it, what was added up so far is scaled down. A sink
   * is a score that is there before the first stretch.
   *
   * A row's bits depend on its own position alone: stretches, and the groups of four positions within
   * them, lie at fixed multiples of their size from position 0, wherever the run begins and whatever
   * the window. Positions of a group that the row does not see count as 0 times 0, never as 0 times
   * what lies there, which may be anything.
   */
  private final List<List<AttentionScratch>> rooms = new ArrayList<>();
  private List<AttentionScratch> room = List.of();
  private final int workers;

  PlainAttentionKernel(int workers) {
    this.workers = workers;
  }

  @Override
  public void prepare(AttentionSpec spec, KvLayout layout, NativeMemory memory) {
    int heads = ROWS * spec.group();
    for (int i = 0; i < rooms.size(); i++) {
      room = rooms.get(i);
      if (room.getFirst().fits(spec, heads)) {
        return;
      }
    }
    room = new ArrayList<>();
    for (int worker = 0; worker < workers; worker++) {
      room.add(new AttentionScratch(spec.headDim(), spec.valueDim(), heads));
    }
    rooms.add(room);
  }

  @Override
  public void attend(AttentionWork work, int piece, int kvHead, int worker) {
    AttentionScratch own = room.get(worker);
    int from = work.pieces().firstRow(piece);
    int to = work.pieces().endRow(piece);
    own.begin((to - from) * work.spec().group(), work.spec());
    work.readSinks(piece, kvHead, own);
    int firstSeen = work.pieces().first(piece);
    int end = work.pieces().end(piece);
    for (int stretch = firstSeen - firstSeen % STRETCH; stretch < end; stretch += STRETCH) {
      int first = Math.max(stretch, firstSeen);
      int last = Math.min(end, stretch + STRETCH);
      work.read(from, kvHead, stretch, first, last, own);
      for (int row = from; row < to; row++) {
        attendRow(work, row, (row - from) * work.spec().group(), kvHead, stretch, own);
      }
    }
    for (int row = from; row < to; row++) {
      store(work, row, (row - from) * work.spec().group(), kvHead, own);
    }
  }

  private static void attendRow(
      AttentionWork work, int row, int firstHead, int kvHead, int stretch, AttentionScratch own) {
    int position = work.batch().position(row);
    int from = Math.max(work.spec().window().firstSeen(position), stretch) - stretch;
    int to = Math.min(position + 1 - stretch, STRETCH);
    if (from >= to) {
      return;
    }
    long query = work.qkv().row(row) + (long) kvHead * work.spec().group() * work.spec().headDim();
    for (int head = 0; head < work.spec().group(); head++) {
      own.attend(firstHead + head, work.qkv(), query, from, to);
      query += work.spec().headDim();
    }
  }

  private static void store(
      AttentionWork work, int row, int firstHead, int kvHead, AttentionScratch own) {
    long at = work.out().row(row) + (long) kvHead * work.spec().group() * work.spec().valueDim();
    for (int head = 0; head < work.spec().group(); head++) {
      own.store(firstHead + head, work.out(), at);
      at += work.spec().valueDim();
    }
  }
}
