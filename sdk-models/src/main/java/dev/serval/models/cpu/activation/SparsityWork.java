package dev.serval.models.cpu.activation;

import dev.serval.models.cpu.crew.InputWork;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.memory.Prefetch;
import dev.serval.models.cpu.row.RowKernel;

/** Keeps gates that stand out from the others of their row. */
public final class SparsityWork extends InputWork {
  private final RowKernel kernel;
  private float deviations;

  public SparsityWork(RowKernel kernel, Prefetch prefetch) {
    super(prefetch);
    this.kernel = kernel;
  }

  public SparsityWork of(CpuActivations gateUp, float aboveMean) {
    in = gateUp;
    deviations = aboveMean;
    return this;
  }

  @Override
  protected void row(int row, int worker) {
    sparsify(kernel, in, in.row(row), in.columns() / 2, deviations);
  }

  /** Of one row's gates. */
  static void sparsify(
      RowKernel kernel, CpuActivations rows, long from, int count, float deviations) {
    float mean = kernel.mean(rows, from, count);
    double deviation = Math.sqrt(kernel.meanSquare(rows, from, mean, count));
    kernel.keepAbove(rows, from, count, (float) (mean + deviations * deviation));
  }
}
