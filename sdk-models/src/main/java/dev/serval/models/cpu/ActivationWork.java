package dev.serval.models.cpu;

import dev.serval.api.compute.ActivationFunction;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.UngatedFunction;

/** What a feed-forward layer has between its maps: function(gate) · up, or function(in). */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
final class ActivationWork extends InputWork {
  private final ActivationKernel kernel;
  private ActivationFunction function;
  private CpuActivations out;

  ActivationWork(ActivationKernel kernel, Prefetch prefetch) {
    super(prefetch);
    this.kernel = kernel;
  }

  /** What it is taken of, and where results go. */
  ActivationWork of(ActivationFunction taken, CpuActivations input, CpuActivations output) {
    function = taken;
    in = input;
    out = output;
    return this;
  }

  @Override
  void row(int row, int worker) {
    long from = in.row(row);
    long to = out.row(row);
    int count = out.columns();
    switch (function) {
      case GateFunction gating ->
          kernel.gate(gating, in, from, in, from + count, out, to, count, worker);
      case UngatedFunction plain -> kernel.activate(plain, in, from, out, to, count, worker);
    }
  }
}
