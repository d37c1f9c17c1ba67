package dev.serval.api.batching;

import dev.serval.api.IsolationScope;

/**
 * A sequence as policies see it. {@code computed} tokens chase {@code total} tokens: a sequence
 * whose difference is one is decoding, a larger one is prefill, whether of a prompt, of what a
 * preemption threw away, or of what follows a prefix hit. Valid during the call it was given to.
 */
public interface SequenceView {
  /**
   * The request's name.
   *
   * @return the id
   */
  String id();

  /**
   * When it was handed over.
   *
   * @return a reading of the engine's clock, in nanoseconds
   */
  long submittedNanos();

  /**
   * The order in which sequences were handed over; breaks every tie.
   *
   * @return a number that grows with each sequence
   */
  long arrival();

  /**
   * How urgent it is.
   *
   * @return lower is sooner
   */
  int priority();

  /**
   * Whose it is.
   *
   * @return the isolation scope
   */
  IsolationScope scope();

  /**
   * The tokens of its prompt.
   *
   * @return how many
   */
  int promptTokens();

  /**
   * Prompt and generated tokens.
   *
   * @return how many
   */
  int totalTokens();

  /**
   * The tokens whose KV is there.
   *
   * @return how many
   */
  int computedTokens();

  /**
   * How many tokens it may still generate.
   *
   * @return the most that may come
   */
  int remainingTokens();

  /**
   * The KV blocks it holds.
   *
   * @return how many
   */
  int heldBlocks();

  /**
   * How often it had to give way.
   *
   * @return how many times it was preempted
   */
  int preemptions();
}
