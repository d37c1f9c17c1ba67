package dev.serval.api.batching;

/** Decides which waiting sequence begins next. Pure; called on the engine's thread. */
@FunctionalInterface
public interface OrderPolicy {
  /**
   * Compares two waiting sequences. Among equals the earlier {@linkplain SequenceView#arrival()
   * arrival} goes first.
   *
   * @param left one sequence
   * @param right another
   * @param nowNanos a reading of the engine's clock, the same for the whole ordering
   * @return below 0 if {@code left} goes first, above 0 if {@code right} does
   */
  int compare(SequenceView left, SequenceView right, long nowNanos);
}
