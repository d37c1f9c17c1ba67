package dev.serval.models.cpu;

import dev.serval.api.compute.GateFunction;

/** Gates whose ups lie among the columns of other rows. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
final class GateApartWork extends InputWork {
  private final ActivationKernel kernel;
  private GateFunction function;
  private CpuActivations ups;
  private CpuActivations out;
  private int first;

  GateApartWork(ActivationKernel kernel, Prefetch prefetch) {
    super(prefetch);
    this.kernel = kernel;
  }

  GateApartWork of(
      GateFunction taken,
      CpuActivations gates,
      CpuActivations others,
      int column,
      CpuActivations output) {
    function = taken;
    in = gates;
    ups = others;
    first = column;
    out = output;
    return this;
  }

  @Override
  void row(int row, int worker) {
    long up = ups.row(row) + first;
    kernel.gate(function, in, in.row(row), ups, up, out, out.row(row), out.columns(), worker);
  }
}
