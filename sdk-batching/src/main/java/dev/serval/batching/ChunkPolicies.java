package dev.serval.batching;

import dev.serval.api.batching.ChunkPolicy;

/** The stock {@linkplain ChunkPolicy chunk policies}. */
public final class ChunkPolicies {
  private ChunkPolicies() {}

  /**
   * Fills each step up to a number of tokens, decodes included: the fewer, the steadier the gaps
   * between tokens; the more, the sooner the first token. Decodes go first, so where there are as
   * many of them, prefill stands still until one ends.
   *
   * @param tokens the tokens of a step, at least 1
   * @return the policy
   */
  public static ChunkPolicy fixedBudget(int tokens) {
    if (tokens < 1) {
      throw new IllegalArgumentException("a step has a budget of at least 1 token, not " + tokens);
    }
    return (sequence, plan, snapshot) -> Math.max(tokens - plan.tokens(), 0);
  }
}
