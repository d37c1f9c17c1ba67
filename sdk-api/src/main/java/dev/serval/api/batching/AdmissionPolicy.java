package dev.serval.api.batching;

import java.util.Optional;

/**
 * Decides whether a sequence may wait at all. Asked on the caller's thread, so that a refusal costs
 * nobody else anything; it sees the engine's load, not its sequences.
 */
@FunctionalInterface
public interface AdmissionPolicy {
  /**
   * Decides.
   *
   * @param request the sequence
   * @param load what the engine is doing, the hand-over queue counted as waiting
   * @return empty to admit it, or why not, in a sentence that names the limit
   */
  Optional<String> refusal(SequenceRequest request, EngineLoad load);
}
