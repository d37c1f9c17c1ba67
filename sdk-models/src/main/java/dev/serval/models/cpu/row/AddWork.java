package dev.serval.models.cpu.row;

import dev.serval.models.cpu.crew.InputWork;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.memory.Prefetch;

/** Adds rows, multiplied, to others. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class AddWork extends InputWork {
  private final RowKernel kernel;
  private CpuActivations out;
  private float factor;

  public AddWork(RowKernel kernel, Prefetch prefetch) {
    super(prefetch);
    this.kernel = kernel;
  }

  public AddWork of(CpuActivations input, float multiplier, CpuActivations output) {
    in = input;
    factor = multiplier;
    out = output;
    return this;
  }

  @Override
  protected void row(int row, int worker) {
    kernel.addScaled(in, in.row(row), factor, in.columns(), out, out.row(row));
  }
}
