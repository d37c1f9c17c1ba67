package dev.serval.models.cpu;

/** Normalises rows by their root mean square, or adds them so. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
final class NormWork extends InputWork {
  private final RowKernel kernel;
  private CpuWeight.Vector gain;
  private CpuActivations out;
  private float epsilon;
  private boolean add;

  NormWork(RowKernel kernel, Prefetch prefetch) {
    super(prefetch);
    this.kernel = kernel;
  }

  NormWork of(CpuActivations input, CpuWeight.Vector gains, float added, CpuActivations output) {
    in = input;
    gain = gains;
    epsilon = added;
    out = output;
    return this;
  }

  NormWork adding(boolean toWhatIsThere) {
    add = toWhatIsThere;
    return this;
  }

  @Override
  void row(int row, int worker) {
    kernel.normalise(in, in.row(row), gain.data(), gain.columns(), epsilon, add, out, out.row(row));
  }
}
