package dev.serval.models.cpu;

/** Lets rows through by the logistic function of their gates. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
final class OutputGateWork extends InputWork {
  private final ActivationKernel kernel;
  private CpuActivations gates;
  private CpuActivations out;

  OutputGateWork(ActivationKernel kernel, Prefetch prefetch) {
    super(prefetch);
    this.kernel = kernel;
  }

  OutputGateWork of(CpuActivations gating, CpuActivations input, CpuActivations output) {
    gates = gating;
    in = input;
    out = output;
    return this;
  }

  @Override
  void row(int row, int worker) {
    long at = out.row(row);
    kernel.letThrough(gates, at, false, in, at, out, at, out.columns(), worker);
  }
}
