package dev.serval.batching;

import dev.serval.api.batching.DraftPolicy;

/** The stock {@linkplain DraftPolicy draft policies} beside {@link DraftPolicy#NONE}. */
public final class DraftPolicies {
  private DraftPolicies() {}

  /**
   * Looks for what the answer ends with in its request's {@linkplain
   * dev.serval.api.GenerationRequest#prediction() prediction}, and guesses that it goes on as that
   * does. Requests without one have no drafts.
   *
   * @return the policy
   */
  public static DraftPolicy predicted() {
    return new PromptLookup(false);
  }

  /**
   * Looks into the prediction, too, and where that has nothing further up in the sequence itself:
   * for answers that repeat their prompt, as summaries, corrections and changes to code do, or
   * themselves. Needs no second model.
   *
   * @return the policy
   */
  public static DraftPolicy promptLookup() {
    return new PromptLookup(true);
  }
}
