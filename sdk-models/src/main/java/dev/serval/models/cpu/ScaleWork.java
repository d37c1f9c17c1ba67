package dev.serval.models.cpu;

/** Multiplies rows in place. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
final class ScaleWork extends InputWork {
  private float factor;

  ScaleWork(Prefetch prefetch) {
    super(prefetch);
  }

  ScaleWork of(CpuActivations rows, float multiplier) {
    in = rows;
    factor = multiplier;
    return this;
  }

  @Override
  void row(int row, int worker) {
    long end = in.row(row + 1);
    for (long at = in.row(row); at < end; at++) {
      in.set(at, factor == 0 ? 0 : in.at(at) * factor);
    }
  }
}
