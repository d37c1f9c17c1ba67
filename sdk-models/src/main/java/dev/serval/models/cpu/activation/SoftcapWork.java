package dev.serval.models.cpu.activation;

import dev.serval.models.cpu.crew.RowWork;
import dev.serval.models.cpu.memory.CpuActivations;

/** Keeps a step's scores small, a piece of all rows at a time. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class SoftcapWork extends RowWork {
  /** Scores of a piece. */
  public static final int PIECE = 1 << 12;

  private final SoftcapKernel kernel;
  private CpuActivations scores;
  private long count;
  private float cap;

  public SoftcapWork(SoftcapKernel kernel) {
    this.kernel = kernel;
  }

  public SoftcapWork of(CpuActivations all, int rows, float limit) {
    scores = all;
    count = all.row(rows);
    cap = limit;
    return this;
  }

  public int pieces() {
    return Math.toIntExact(Math.ceilDiv(count, PIECE));
  }

  @Override
  protected void row(int piece, int worker) {
    long from = (long) piece * PIECE;
    kernel.softcap(scores, from, (int) Math.min(PIECE, count - from), cap, worker);
  }
}
