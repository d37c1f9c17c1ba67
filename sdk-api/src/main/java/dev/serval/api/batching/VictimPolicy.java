package dev.serval.api.batching;

/**
 * Decides which running sequence gives way when blocks run out: its blocks are freed and it waits
 * to be computed again. It can also have others wait, so that nobody has to. Pure; called on the
 * engine's thread.
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

  /**
   * Whether a sequence begins for which there are blocks now, beside others that will need more of
   * them. The one at the head of the queue is asked about again when some sequence has begun, ended
   * or given way, and now and then; where nothing runs it begins anyway.
   *
   * @param next the waiting sequence, which holds those of its blocks that were found already
   * @param snapshot the engine, with at least one running sequence
   * @return whether it begins; true unless a policy knows better
   */
  default boolean mayBegin(SequenceView next, EngineSnapshot snapshot) {
    return true;
  }
}
