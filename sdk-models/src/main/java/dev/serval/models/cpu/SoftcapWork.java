package dev.serval.models.cpu;

/** Keeps a step's scores small, a piece of all rows at a time. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
final class SoftcapWork extends RowWork {
  /** Scores of a piece. */
  static final int PIECE = 1 << 12;

  private final SoftcapKernel kernel;
  private CpuActivations scores;
  private long count;
  private float cap;

  SoftcapWork(SoftcapKernel kernel) {
    this.kernel = kernel;
  }

  SoftcapWork of(CpuActivations all, int rows, float limit) {
    scores = all;
    count = all.row(rows);
    cap = limit;
    return this;
  }

  int pieces() {
    return Math.toIntExact(Math.ceilDiv(count, PIECE));
  }

  @Override
  void row(int piece, int worker) {
    long from = (long) piece * PIECE;
    kernel.softcap(scores, from, (int) Math.min(PIECE, count - from), cap, worker);
  }
}
