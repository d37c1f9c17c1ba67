package dev.serval.models.cpu;

/** The gated activation: silu(gate) · up. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
final class GateWork extends RowWork {
  private final GateKernel kernel;
  private final Prefetch prefetch;
  private CpuActivations gateUp;
  private CpuActivations out;
  private int firstRow;

  GateWork(GateKernel kernel, Prefetch prefetch) {
    this.kernel = kernel;
    this.prefetch = prefetch;
  }

  /**
   * Gates and ups, and where products go.
   *
   * @param outputRow where those of the first row go
   */
  GateWork of(CpuActivations input, CpuActivations output, int outputRow) {
    gateUp = input;
    out = output;
    firstRow = outputRow;
    return this;
  }

  @Override
  void ask(int row) {
    gateUp.ask(prefetch, row);
  }

  @Override
  void row(int row, int worker) {
    long gate = gateUp.row(row);
    long to = out.row(firstRow + row);
    kernel.gate(gateUp, gate, gate + out.columns(), out, to, out.columns(), worker);
  }
}
