package dev.serval.models.cpu.attention;

import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.StepBatch;
import java.util.Arrays;

/**
 * How the attention of a step is shared out: in runs of rows of one sequence, each over all that
 * its rows see, or cut into several pieces of that.
 */
public final class AttentionPieces {
  /*
   * Each stretch of positions is added up by itself, and what comes of it is added to what came of
   * those before it, in their order (Dao et al., Flash-Decoding, 2023, without its tree). So it makes
   * no difference to a row's bits who adds up which stretch, and a piece may be any number of them.
   *
   * Runs are whole where that shares the work out about evenly: most steps have many sequences or many
   * rows. A run is cut where there are too few for all threads, or where one is much longer than the
   * others, as far as there is room for what is added up of each stretch.
   */
  private static final int STRETCH = AttentionKernel.STRETCH;

  /** As many pieces for each thread: the last ones to end are not far apart then. */
  private static final int PIECES = 8;

  /** Of all work, the share that may be lost by leaving runs whole. */
  private static final int TOLERANCE = 8;

  private int[] firstRow = new int[0];
  private int[] endRow = new int[0];
  private int[] first = new int[0];
  private int[] end = new int[0];
  private int[] stretches = new int[0];
  private int[] sums = new int[0];
  private int[] cutRuns = new int[0];
  private AttentionSpec spec;
  private int count;
  private int cuts;
  private long seen;

  @SuppressWarnings("NullAway.Init") // of a step, once there is one
  AttentionPieces() {}

  /**
   * Cuts a step.
   *
   * @param batch its sequences
   * @param rules the shape of queries, and how far they see
   * @param mostRows the most rows of a run
   * @param workers how many threads there are
   * @param room of how many stretches of a head sums can be kept
   */
  void cut(StepBatch batch, AttentionSpec rules, int mostRows, int workers, int room) {
    spec = rules;
    count = 0;
    cuts = 0;
    seen = 0;
    long stretchRows = 0;
    long most = 0;
    for (int sequence = 0; sequence < batch.sequences(); sequence++) {
      int behind = batch.firstRow(sequence + 1);
      for (int row = batch.firstRow(sequence); row < behind; row += mostRows) {
        addRun(batch, row, Math.min(row + mostRows, behind));
        long cost = cost(count - 1);
        stretchRows += cost;
        most = Math.max(most, cost);
      }
    }
    long each = stretchRows * spec.kvHeads() / workers;
    long whole = Math.ceilDiv(count * spec.kvHeads(), workers) * most;
    if (workers > 1 && whole > each + each / TOLERANCE) {
      cutRuns(Math.max(1, each / PIECES), room);
    }
  }

  private long cost(int run) {
    return (long) (endRow[run] - firstRow[run]) * stretches[run];
  }

  private void addRun(StepBatch batch, int from, int to) {
    int start = spec.window().firstSeen(batch.position(from));
    int behind = batch.position(to - 1) + 1;
    seen += (long) (to - from) * (behind - spec.window().firstSeen(behind - 1));
    add(from, to, start, behind, Math.ceilDiv(behind, STRETCH) - start / STRETCH, -1);
  }

  private void add(int from, int to, int start, int behind, int all, int sumsAt) {
    if (count == firstRow.length) {
      grow(Math.max(16, 2 * count));
    }
    firstRow[count] = from;
    endRow[count] = to;
    first[count] = start;
    end[count] = behind;
    stretches[count] = all;
    sums[count++] = sumsAt;
  }

  private void grow(int size) {
    firstRow = Arrays.copyOf(firstRow, size);
    endRow = Arrays.copyOf(endRow, size);
    first = Arrays.copyOf(first, size);
    end = Arrays.copyOf(end, size);
    stretches = Arrays.copyOf(stretches, size);
    sums = Arrays.copyOf(sums, size);
    cutRuns = Arrays.copyOf(cutRuns, size);
  }

  /** A cut run's own place becomes its first piece; the others go behind all runs. */
  private void cutRuns(long most, int room) {
    int runs = count;
    int used = 0;
    for (int run = 0; run < runs; run++) {
      int pieces = (int) Math.min(stretches[run], Math.ceilDiv(cost(run), most));
      long needed = (long) (endRow[run] - firstRow[run]) * spec.heads() * stretches[run];
      if (pieces > 1 && used + needed <= room) {
        cutRun(run, pieces, used);
        used += (int) needed;
      }
    }
  }

  private void cutRun(int run, int pieces, int sumsAt) {
    int firstStretch = first[run] / STRETCH;
    int behind = end[run];
    sums[run] = sumsAt;
    cutRuns[cuts++] = run;
    end[run] = (firstStretch + stretches[run] / pieces) * STRETCH;
    for (int piece = 1; piece < pieces; piece++) {
      int from = (firstStretch + stretches[run] * piece / pieces) * STRETCH;
      int to = (firstStretch + stretches[run] * (piece + 1) / pieces) * STRETCH;
      int at = sumsAt + (from / STRETCH - firstStretch) * queries(run);
      add(firstRow[run], endRow[run], from, Math.min(to, behind), stretches[run], at);
    }
  }

  /** Query heads of a piece's rows that belong to one key head. */
  public int queries(int piece) {
    return (endRow[piece] - firstRow[piece]) * spec.group();
  }

  /** How many pieces there are. */
  int count() {
    return count;
  }

  /** About how many positions all rows see. */
  long seen() {
    return seen;
  }

  /** The first row of a piece. */
  public int firstRow(int piece) {
    return firstRow[piece];
  }

  /** Behind its last row. */
  public int endRow(int piece) {
    return endRow[piece];
  }

  /** The first position that a piece is about. */
  public int first(int piece) {
    return first[piece];
  }

  /** Behind the last position. */
  public int end(int piece) {
    return end[piece];
  }

  /** How many runs are cut. */
  int cuts() {
    return cuts;
  }

  /** The first piece of a run that is cut. */
  int cutRun(int index) {
    return cutRuns[index];
  }

  /** Whether a piece is about all that its rows see. */
  public boolean whole(int piece) {
    return sums[piece] < 0;
  }

  /** Stretches of all of the run that a piece is of. */
  public int stretches(int piece) {
    return stretches[piece];
  }

  /** Which of all sums are those of a piece's first stretch and first query. */
  int sums(int piece, int kvHead) {
    return sums[piece] + kvHead * stretches[piece] * queries(piece);
  }
}
