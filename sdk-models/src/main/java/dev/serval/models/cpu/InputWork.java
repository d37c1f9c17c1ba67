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

  /** The first of them. */
  int firstInput;

  InputWork(Prefetch prefetch) {
    this.prefetch = prefetch;
  }

  @Override
  final void ask(int row) {
    in.ask(prefetch, firstInput + row);
  }
}
