package dev.serval.api.batching;

import dev.serval.api.ServalException;

/**
 * The step loop of one replica of one model. A thread of its own owns all of its state; callers on
 * any thread hand sequences over and are answered through their {@link TokenSink}.
 */
public interface Engine extends AutoCloseable {
  /**
   * Hands a sequence over. Never waits.
   *
   * @param request the sequence
   * @param sink hears its tokens and its end, on the engine's thread
   * @return the caller's handle on it
   * @throws dev.serval.api.InvalidRequestException when it could not run even alone, naming the
   *     limit
   * @throws dev.serval.api.RequestRejectedException when the tenant's quota or the admission policy
   *     does not let it in, its deadline cannot be kept, or the engine is draining
   */
  EngineSequence submit(SequenceRequest request, TokenSink sink) throws ServalException;

  /**
   * Hands over a further sequence of a request that was let in. Counts it like any other, but asks
   * neither quota nor policy again. Never waits.
   *
   * @param request the sequence
   * @param sink hears its tokens and its end, on the engine's thread
   * @return the caller's handle on it
   * @throws dev.serval.api.InvalidRequestException when it could not run even alone, naming the
   *     limit
   * @throws dev.serval.api.RequestRejectedException when the engine is draining
   */
  EngineSequence submitFurther(SequenceRequest request, TokenSink sink) throws ServalException;

  /**
   * Says before any work is done whether a sequence would be refused now. Never waits, and holds no
   * place: {@link #submit} decides.
   *
   * @param applicant what is known of the sequence
   * @throws dev.serval.api.RequestRejectedException when it would be refused, with the reason and
   *     when to try again
   */
  void requireAdmission(Applicant applicant) throws ServalException;

  /**
   * How long a sequence can be at all: what the model's context and the KV cache hold.
   *
   * @return the most tokens of prompt and completion together
   */
  int maxSequenceTokens();

  /**
   * What the engine is doing.
   *
   * @return counts at this moment, seen from any thread
   */
  EngineLoad load();

  /** Takes no more sequences; those it has go on. */
  void drain();

  /**
   * Cancels what is left, ends the thread and waits for it. The step under way is finished first.
   * Closing again does nothing.
   */
  @Override
  void close();
}
