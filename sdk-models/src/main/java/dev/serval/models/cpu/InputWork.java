package dev.serval.models.cpu;

/**
 * Work on rows that were written before. Each is brought into the caches before the one ahead of it
 * is worked on.
 */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
abstract class InputWork extends RowWork {
  private final Prefetch prefetch;

  /** The rows. */
  CpuActivations in;

  InputWork(Prefetch prefetch) {
    this.prefetch = prefetch;
  }

  /** Which of them a row of the work is. */
  int source(int row) {
    return row;
  }

  @Override
  final void ask(int row) {
    in.ask(prefetch, source(row));
  }
}
