package dev.serval.models.cpu.crew;

import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.memory.Prefetch;

/**
 * Work on rows that were written before. Each is brought into the caches before the one ahead of it
 * is worked on.
 */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public abstract class InputWork extends RowWork {
  private final Prefetch prefetch;

  /** The rows. */
  protected CpuActivations in;

  protected InputWork(Prefetch prefetch) {
    this.prefetch = prefetch;
  }

  /** Which of them a row of the work is. */
  protected int source(int row) {
    return row;
  }

  @Override
  protected final void ask(int row) {
    in.ask(prefetch, source(row));
  }
}
