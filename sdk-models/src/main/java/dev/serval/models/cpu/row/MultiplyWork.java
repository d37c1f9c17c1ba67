package dev.serval.models.cpu.row;

import dev.serval.models.cpu.crew.InputWork;
import dev.serval.models.cpu.linear.CpuWeight;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.memory.Prefetch;

/** Multiplies rows by a vector. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class MultiplyWork extends InputWork {
  private final RowKernel kernel;
  private CpuWeight.Vector factors;
  private CpuActivations out;

  public MultiplyWork(RowKernel kernel, Prefetch prefetch) {
    super(prefetch);
    this.kernel = kernel;
  }

  public MultiplyWork of(CpuActivations input, CpuWeight.Vector vector, CpuActivations output) {
    in = input;
    factors = vector;
    out = output;
    return this;
  }

  @Override
  protected void row(int row, int worker) {
    kernel.multiply(factors.data(), 0, in, in.row(row), in.columns(), out, out.row(row));
  }
}
