package dev.serval.models.cpu;

import dev.serval.api.compute.GateFunction;

/** The gated activation: function(gate) · up. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
final class GateWork extends RowWork {
  private final GateKernel kernel;
  private final Prefetch prefetch;
  private GateFunction function;
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
   * @param letsThrough what lets values through
   * @param outputRow where those of the first row go
   */
  GateWork of(
      GateFunction letsThrough, CpuActivations input, CpuActivations output, int outputRow) {
    function = letsThrough;
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
    kernel.gate(function, gateUp, gate, gate + out.columns(), out, to, out.columns(), worker);
  }
}
