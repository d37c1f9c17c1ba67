package dev.serval.api.batching;

/**
 * Hears what an engine does, for metrics. Called on the engine's thread between steps, so it must
 * be quick, never wait and never throw.
 */
public interface EngineListener {
  /** Hears nothing. */
  EngineListener NONE = new EngineListener() {};

  /**
   * A step is done.
   *
   * @param sequences how many sequences took part
   * @param tokens how many tokens were computed
   * @param nanos how long it took, from plan to commit
   * @param load the engine after it
   */
  default void step(int sequences, int tokens, long nanos, EngineLoad load) {}

  /**
   * A sequence's token was drawn.
   *
   * @param sinceNanos the time since its previous token, or since it was handed over for the first
   * @param first whether it is the first
   */
  default void token(long sinceNanos, boolean first) {}

  /**
   * A sequence first took part in a step.
   *
   * @param promptTokens the tokens of its prompt
   * @param cachedTokens those found in the cache
   * @param queuedNanos how long it waited
   */
  default void started(int promptTokens, int cachedTokens, long queuedNanos) {}

  /**
   * A sequence had to give way.
   *
   * @param lostTokens the computed tokens that were thrown away
   */
  default void preempted(int lostTokens) {}

  /**
   * A sequence has ended.
   *
   * @param outcome how it ended
   */
  default void ended(SequenceOutcome outcome) {}
}
