package dev.serval.models.cpu;

/** The gated activation: silu(gate) · up. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
final class GateWork extends RowWork {
  private final GateKernel kernel;
  private final Prefetch prefetch;
  private CpuActivations gateUp;
  private CpuActivations out;

  GateWork(GateKernel kernel, Prefetch prefetch) {
    this.kernel = kernel;
    this.prefetch = prefetch;
  }

  GateWork of(CpuActivations input, CpuActivations output) {
    gateUp = input;
    out = output;
    return this;
  }

  @Override
  void ask(int row) {
    gateUp.ask(prefetch, row);
  }

  @Override
  void row(int row, int worker) {
    long gate = gateUp.row(row);
    kernel.gate(gateUp, gate, gate + out.columns(), out, out.row(row), out.columns(), worker);
  }
}
