package dev.serval.api.batching;

import java.util.Optional;

/**
 * Decides whether a sequence may wait at all. Pure; asked on callers' threads, so that a refusal
 * costs nobody else anything: it sees the engine's load, not its sequences. It is asked before a
 * prompt is tokenised, with the fewest tokens that the prompt can have, and again when the sequence
 * is handed over. The tenant's {@link dev.serval.api.Quota} has been looked at before.
 */
@FunctionalInterface
public interface AdmissionPolicy {
  /**
   * Decides.
   *
   * @param applicant who wants to be let in
   * @param load what the engine is doing, the hand-over queue counted as waiting; what is true at
   *     the very moment the sequence is counted
   * @return empty to admit it, or why not and when to try again
   */
  Optional<Refusal> refusal(Applicant applicant, EngineLoad load);
}
