package dev.serval.api.batching;

/** Decides which waiting sequence begins next. Pure; called on the engine's thread. */
@FunctionalInterface
public interface OrderPolicy {
  /**
   * Compares two waiting sequences. Among equals the earlier {@linkplain SequenceView#arrival()
   * arrival} goes first; one that had to give way keeps its arrival, and so its place.
   *
   * @param left one sequence
   * @param right another
   * @param snapshot the engine, the same for the whole ordering; its waiting sequences are in no
   *     order yet
   * @return below 0 if {@code left} goes first, above 0 if {@code right} does
   */
  int compare(SequenceView left, SequenceView right, EngineSnapshot snapshot);
}
