package dev.serval.api.batching;

import dev.serval.api.cache.KvStatistics;

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
   * @param step what it computed, valid during the call
   * @param nanos how long it took, from plan to commit
   */
  default void step(StepPlan step, long nanos) {}

  /**
   * A sequence's token was drawn.
   *
   * @param sequence the sequence, valid during the call
   * @param sinceNanos the time since its previous token, or since it was handed over for the first
   * @param first whether it is the first
   */
  default void token(SequenceView sequence, long sinceNanos, boolean first) {}

  /**
   * A sequence's drafted tokens were verified.
   *
   * @param sequence the sequence, valid during the call
   * @param drafted how many tokens were guessed
   * @param accepted how many of them it was given
   */
  default void verified(SequenceView sequence, int drafted, int accepted) {}

  /**
   * A sequence first took part in a step.
   *
   * @param sequence the sequence, valid during the call
   * @param queuedNanos how long it waited
   */
  default void started(SequenceView sequence, long queuedNanos) {}

  /**
   * A sequence had to give way.
   *
   * @param sequence the sequence, valid during the call
   * @param lostTokens the computed tokens that were thrown away
   */
  default void preempted(SequenceView sequence, int lostTokens) {}

  /**
   * A decode was left out of a step for the sake of those of a higher class.
   *
   * @param sequence the sequence, valid during the call
   */
  default void yielded(SequenceView sequence) {}

  /**
   * KV blocks went out of the KV memory or came back.
   *
   * @param moved what did since it was last told
   */
  default void swapped(KvStatistics.Swap moved) {}

  /**
   * A sequence has ended.
   *
   * @param sequence the sequence, valid during the call
   * @param outcome how it ended
   */
  default void ended(SequenceView sequence, SequenceOutcome outcome) {}
}
