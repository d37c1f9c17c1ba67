package dev.serval.batching;

import dev.serval.api.batching.VictimPolicy;

/** The stock {@linkplain VictimPolicy victim policies}. */
public final class VictimPolicies {
  private VictimPolicies() {}

  /**
   * Who was handed over last gives way, so that the one handed over first always goes on.
   *
   * @return the policy
   */
  public static VictimPolicy lastIn() {
    return (needy, snapshot) -> {
      int last = 0;
      for (int i = 1; i < snapshot.running(); i++) {
        if (snapshot.running(i).arrival() > snapshot.running(last).arrival()) {
          last = i;
        }
      }
      return last;
    };
  }
}
