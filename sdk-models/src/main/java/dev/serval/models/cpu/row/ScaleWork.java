package dev.serval.models.cpu.row;

import dev.serval.models.cpu.crew.InputWork;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.memory.Prefetch;

/** Multiplies rows in place. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class ScaleWork extends InputWork {
  private float factor;

  public ScaleWork(Prefetch prefetch) {
    super(prefetch);
  }

  public ScaleWork of(CpuActivations rows, float multiplier) {
    in = rows;
    factor = multiplier;
    return this;
  }

  @Override
  protected void row(int row, int worker) {
    long end = in.row(row + 1);
    for (long at = in.row(row); at < end; at++) {
      in.set(at, factor == 0 ? 0 : in.at(at) * factor);
    }
  }
}
