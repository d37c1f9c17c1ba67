package dev.serval.api.batching;

/**
 * Decides which running sequence gives way when blocks run out: its blocks are freed and it waits
 * to be computed again. Pure; called on the engine's thread.
 */
@FunctionalInterface
public interface VictimPolicy {
  /**
   * Picks a victim.
   *
   * @param needy the running sequence that has no room for its next token, or one of a higher class
   *     than some that run, which has no room to begin; then only a victim of a lower class counts
   * @param snapshot the engine, with at least one running sequence
   * @return the index of a running sequence; it may be the needy one itself
   */
  int victim(SequenceView needy, EngineSnapshot snapshot);
}
