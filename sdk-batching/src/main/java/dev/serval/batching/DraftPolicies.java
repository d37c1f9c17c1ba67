package dev.serval.batching;

import dev.serval.api.batching.DraftPolicy;

/** The stock {@linkplain DraftPolicy draft policies}. */
public final class DraftPolicies {
  private DraftPolicies() {}

  /**
   * Guesses nothing.
   *
   * @return the policy
   */
  public static DraftPolicy none() {
    return DraftPolicy.NONE;
  }

  /**
   * Looks for what the sequence ends with further up in it, and guesses that it goes on as it did
   * there: for answers that repeat their prompt, as summaries, corrections and changes to code do,
   * or themselves. Needs no second model.
   *
   * @return the policy
   */
  public static DraftPolicy promptLookup() {
    return new PromptLookup();
  }
}
