package dev.serval.models.cpu.expert;

import dev.serval.models.cpu.crew.InputWork;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.memory.Prefetch;

/**
 * Multiplies what experts' first maps made of rows by these rows' shares, as if the rows had been
 * multiplied.
 */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class ScaleRoutesWork extends InputWork {
  private ExpertRouting routing;
  private int from;

  public ScaleRoutesWork(Prefetch prefetch) {
    super(prefetch);
  }

  /** What was made, a row for each route of a turn that begins with this one. */
  ScaleRoutesWork of(CpuActivations rows, ExpertRouting routes, int firstOfTurn) {
    in = rows;
    routing = routes;
    from = firstOfTurn;
    return this;
  }

  @Override
  protected void row(int row, int worker) {
    in.scale(row, routing.shares()[from + row]);
  }
}
