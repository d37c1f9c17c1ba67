package dev.serval.models.cpu;

/** Adds rows, multiplied, to others. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
final class AddWork extends InputWork {
  private final RowKernel kernel;
  private CpuActivations out;
  private float factor;

  AddWork(RowKernel kernel, Prefetch prefetch) {
    super(prefetch);
    this.kernel = kernel;
  }

  AddWork of(CpuActivations input, float multiplier, CpuActivations output) {
    in = input;
    factor = multiplier;
    out = output;
    return this;
  }

  @Override
  void row(int row, int worker) {
    kernel.addScaled(in, in.row(row), factor, in.columns(), out, out.row(row));
  }
}
