package dev.serval.api.batching;

import java.util.Optional;

/**
 * Offers policies under a name by which a configuration can ask for them: found by {@link
 * java.util.ServiceLoader}, or given to the runtime. A provider offers one role or several; called
 * when a runtime is put together, once for each role that is asked for.
 */
public interface PolicyProvider {
  /**
   * What configurations call its policies.
   *
   * @return the name, such as {@code shortest-answer}; not blank
   */
  String name();

  /**
   * Who may wait.
   *
   * @return the policy, empty if this provider has none
   */
  default Optional<AdmissionPolicy> admission() {
    return Optional.empty();
  }

  /**
   * Who begins next.
   *
   * @return the policy, empty if this provider has none
   */
  default Optional<OrderPolicy> order() {
    return Optional.empty();
  }

  /**
   * How much prefill a step does.
   *
   * @return the policy, empty if this provider has none
   */
  default Optional<ChunkPolicy> chunk() {
    return Optional.empty();
  }

  /**
   * Who gives way.
   *
   * @return the policy, empty if this provider has none
   */
  default Optional<VictimPolicy> victim() {
    return Optional.empty();
  }

  /**
   * Which tokens are guessed.
   *
   * @return the policy, empty if this provider has none
   */
  default Optional<DraftPolicy> draft() {
    return Optional.empty();
  }
}
