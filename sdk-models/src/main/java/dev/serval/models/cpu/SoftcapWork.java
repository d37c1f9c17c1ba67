package dev.serval.models.cpu;

/** Keeps a step's scores small, a piece of all rows at a time. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
final class SoftcapWork extends RowWork {
  private static final int PIECE = 1 << 12;

  private final SoftcapKernel kernel;
  private CpuActivations scores;
  private long count;
  private float cap;

  SoftcapWork(SoftcapKernel kernel) {
    this.kernel = kernel;
  }

  /** Of so many rows, to be shared out among so many workers. */
  SoftcapWork of(CpuActivations all, int rows, float limit, int workers) {
    scores = all;
    count = all.row(rows);
    cap = limit;
    share(Math.toIntExact(Math.ceilDiv(count, PIECE)), PIECE, workers);
    return this;
  }

  @Override
  void row(int piece, int worker) {
    long from = (long) piece * PIECE;
    kernel.softcap(scores, from, (int) Math.min(PIECE, count - from), cap, worker);
  }
}
