package dev.serval.models.cpu;

import dev.serval.api.compute.GateFunction;

/** The gated activation: function(gate) · up. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
final class GateWork extends InputWork {
  private final GateKernel kernel;
  private GateFunction function;
  private CpuActivations out;

  GateWork(GateKernel kernel, Prefetch prefetch) {
    super(prefetch);
    this.kernel = kernel;
  }

  /** Gates and ups, and where their products go. */
  GateWork of(GateFunction letsThrough, CpuActivations input, CpuActivations output) {
    function = letsThrough;
    in = input;
    out = output;
    return this;
  }

  @Override
  void row(int row, int worker) {
    long gate = in.row(row);
    long to = out.row(row);
    kernel.gate(function, in, gate, gate + out.columns(), out, to, out.columns(), worker);
  }
}
