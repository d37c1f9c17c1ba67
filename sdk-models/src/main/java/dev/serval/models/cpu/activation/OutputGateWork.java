package dev.serval.models.cpu.activation;

import dev.serval.models.cpu.crew.InputWork;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.memory.Prefetch;

/** Lets rows through by the logistic function of their gates. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class OutputGateWork extends InputWork {
  private final ActivationKernel kernel;
  private CpuActivations gates;
  private CpuActivations out;

  public OutputGateWork(ActivationKernel kernel, Prefetch prefetch) {
    super(prefetch);
    this.kernel = kernel;
  }

  public OutputGateWork of(CpuActivations gating, CpuActivations input, CpuActivations output) {
    gates = gating;
    in = input;
    out = output;
    return this;
  }

  @Override
  protected void row(int row, int worker) {
    long at = out.row(row);
    kernel.letThrough(gates, at, false, in, at, out, at, out.columns(), worker);
  }
}
