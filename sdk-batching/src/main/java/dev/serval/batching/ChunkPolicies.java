package dev.serval.batching;

import dev.serval.api.batching.ChunkPolicy;
import dev.serval.api.batching.EngineSnapshot;
import dev.serval.api.batching.SequenceView;
import dev.serval.api.batching.StepPlan;

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
    return new FixedBudget(tokens);
  }

  /**
   * Sizes chunks by the time they take: as much prefill as keeps the step within what is left until
   * the first of its decodes must have its next token by its class's {@code tpot}, as measured
   * steps predict it. Until enough steps were measured it is a fixed budget.
   *
   * @return the policy
   */
  public static ChunkPolicy timeSized() {
    return new TimeSizedChunks();
  }

  private record FixedBudget(int tokens) implements ChunkPolicy {
    @Override
    public int chunk(SequenceView sequence, StepPlan plan, EngineSnapshot snapshot) {
      return Math.max(tokens - plan.tokens(), 0);
    }

    @Override
    public String toString() {
      return "steps filled up to " + tokens + " tokens";
    }
  }
}
