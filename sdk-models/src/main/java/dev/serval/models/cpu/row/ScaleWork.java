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
    if (factor == 0) {
      in.fill(row, 0);
    } else {
      in.scale(row, factor);
    }
  }
}
