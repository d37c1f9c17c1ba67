package dev.serval.batching;

import dev.serval.api.batching.AdmissionPolicy;
import dev.serval.api.batching.Refusal;
import java.util.Optional;

/** The stock {@linkplain AdmissionPolicy admission policies}. */
public final class AdmissionPolicies {
  private AdmissionPolicies() {}

  /**
   * Lets a sequence wait unless too many wait already. Those that were handed over and not yet
   * looked at count, as do those that gave way and wait again; those that run do not.
   *
   * @param limit how many may wait at once, at least 1: every sequence waits for a moment
   * @return the policy
   */
  public static AdmissionPolicy maxWaiting(int limit) {
    if (limit < 1) {
      throw new IllegalArgumentException("at least 1 sequence may wait, unlike " + limit);
    }
    return (applicant, load) ->
        load.waiting() < limit
            ? Optional.empty()
            : Optional.of(
                Refusal.overloaded(
                    load.waiting() + " requests wait already, and no more than " + limit + " may",
                    null));
  }
}
