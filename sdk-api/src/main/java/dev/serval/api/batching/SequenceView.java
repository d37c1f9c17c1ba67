package dev.serval.api.batching;

import dev.serval.api.IsolationScope;
import dev.serval.api.ServiceLevel;
import dev.serval.api.Tenant;

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

  /**
   * What its class is promised.
   *
   * @return the service level
   */
  ServiceLevel level();

  /**
   * On whose account it runs.
   *
   * @return the tenant
   */
  Tenant tenant();

  /**
   * What its tenant has been served so far, while any of its sequences was here: the virtual token
   * counter of Sheng et al., «Fairness in Serving Large Language Models» (OSDI 2024, <a
   * href="https://arxiv.org/abs/2401.00588">arXiv 2401.00588</a>), Algorithm 2. Prompts are charged
   * when they begin, cached tokens at a discount, generated tokens as they come, each divided by
   * the tenant's weight; nothing is charged twice to one that had to give way. A tenant that comes
   * back is lifted to those that are waiting.
   *
   * @return weighted tokens
   */
  double tenantService();

  /**
   * When it is of no use any more.
   *
   * @return a reading of the engine's clock, in nanoseconds; {@link Long#MAX_VALUE} for never
   */
  long deadlineNanos();

  /**
   * The tokens of its prompt that were found in the cache when it first began.
   *
   * @return how many; 0 before
   */
  int cachedPromptTokens();

  /**
   * The tokens generated.
   *
   * @return how many
   */
  default int generatedTokens() {
    return totalTokens() - promptTokens();
  }

  /**
   * How many tokens are still to be computed before its next token can be drawn.
   *
   * @return total less computed tokens, at least 1
   */
  default int outstandingTokens() {
    return totalTokens() - computedTokens();
  }

  /**
   * When its last token was drawn.
   *
   * @return a reading of the engine's clock, in nanoseconds; of the hand-over while there is none
   */
  long lastTokenNanos();

  /**
   * Since when it waits: since it was handed over, or last had to give way.
   *
   * @return a reading of the engine's clock, in nanoseconds; meaningless while it runs
   */
  long waitingSinceNanos();

  /**
   * When its next token is due by its class's target: {@code ttft} after the hand-over for the
   * first, {@code tpot} after the last for each other.
   *
   * @return a reading of the engine's clock, in nanoseconds; {@link Long#MAX_VALUE} without a
   *     target
   */
  default long dueNanos() {
    boolean begun = generatedTokens() > 0;
    long target = begun ? level().tpotNanos() : level().ttftNanos();
    return target == Long.MAX_VALUE ? target : lastTokenNanos() + target;
  }
}
