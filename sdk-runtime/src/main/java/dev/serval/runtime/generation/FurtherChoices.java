package dev.serval.runtime.generation;

import dev.serval.api.batching.AdmissionPolicy;
import dev.serval.api.batching.EngineLoad;
import dev.serval.api.batching.SequenceRequest;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Asks an admission policy once for each request. A request's further choices are handed over when
 * the first has computed the prompt; having taken the request, the engine takes them too.
 */
public final class FurtherChoices implements AdmissionPolicy {
  private final AdmissionPolicy policy;
  private final Set<String> promised = ConcurrentHashMap.newKeySet();

  /**
   * Decides by a policy.
   *
   * @param policy who decides on requests
   */
  public FurtherChoices(AdmissionPolicy policy) {
    this.policy = policy;
  }

  @Override
  public Optional<String> refusal(SequenceRequest request, EngineLoad load) {
    return promised.contains(request.id()) ? Optional.empty() : policy.refusal(request, load);
  }

  /** The sequence is to be taken when it comes. */
  void promise(String sequence) {
    promised.add(sequence);
  }

  /** The sequence has come, or never will. */
  void withdraw(String sequence) {
    promised.remove(sequence);
  }

  /** The policy that decides on requests. */
  @Override
  public String toString() {
    return policy.toString();
  }
}
