package dev.serval.models.cpu.row;

import dev.serval.models.cpu.crew.InputWork;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.memory.Prefetch;

/** Makes rows as large as others. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class RescaleWork extends InputWork {
  /** What mean squares count as at least. */
  private static final double LEAST = 1e-5;

  private final RowKernel kernel;
  private CpuActivations like;

  public RescaleWork(RowKernel kernel, Prefetch prefetch) {
    super(prefetch);
    this.kernel = kernel;
  }

  public RescaleWork of(CpuActivations wanted, CpuActivations rows) {
    like = wanted;
    in = rows;
    return this;
  }

  @Override
  protected void row(int row, int worker) {
    double wanted = kernel.meanSquare(like, like.row(row), 0, like.columns());
    double found = kernel.meanSquare(in, in.row(row), 0, in.columns());
    in.scale(row, (float) Math.sqrt(wanted / Math.max(found, LEAST)));
  }
}
