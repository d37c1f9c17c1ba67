package dev.serval.models.cpu;

import dev.serval.api.compute.GateFunction;

/** The gated activation: function(gate) · up. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
final class GateWork extends InputWork {
  private final GateKernel kernel;
  private GateFunction function;
  private CpuActivations out;
  private int firstRow;

  GateWork(GateKernel kernel, Prefetch prefetch) {
    super(prefetch);
    this.kernel = kernel;
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
    in = input;
    out = output;
    firstRow = outputRow;
    return this;
  }

  @Override
  void row(int row, int worker) {
    long gate = in.row(row);
    long to = out.row(firstRow + row);
    kernel.gate(function, in, gate, gate + out.columns(), out, to, out.columns(), worker);
  }
}
