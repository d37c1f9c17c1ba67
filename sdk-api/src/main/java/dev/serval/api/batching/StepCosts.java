package dev.serval.api.batching;

/**
 * What steps cost on this machine, learned from those it has taken. A step's time is linear in its
 * launch, the cached tokens that attention reads, the tokens of chunks that the matrices multiply,
 * the attention of chunks and the number of decodes, among which drafted tokens count:
 *
 * <pre>c + γ·cached + b·Σnew + a·Σ(2·cached·new + new²) + d·decodes</pre>
 */
public interface StepCosts {
  /** Costs of which nothing is known. */
  StepCosts UNKNOWN =
      new StepCosts() {
        @Override
        public boolean known() {
          return false;
        }

        @Override
        public long predictNanos(long cached, long fresh, double pairs, int decodes) {
          return 0;
        }

        @Override
        public long errorNanos() {
          return 0;
        }
      };

  /**
   * What the attention of a chunk is proportional to: each of its tokens looks back at the cached
   * ones and, on average, at half of the chunk.
   *
   * @param cached the computed tokens of the chunk's sequence
   * @param tokens the tokens of the chunk
   * @return 2 · cached · new + new², twice the pairs of tokens that attend to each other
   */
  static double pairs(int cached, int tokens) {
    return (2.0 * cached + tokens) * tokens;
  }

  /**
   * Whether enough steps were seen, prefill among them, for a prediction to be worth something.
   *
   * @return false until then; predictions are 0 before the first step
   */
  boolean known();

  /**
   * The time a step is predicted to take, from plan to the last token handed over.
   *
   * @param cached the tokens whose KV is read besides the step's own
   * @param fresh the tokens of its chunks; decodes are counted by themselves
   * @param pairs the sum of {@link #pairs} over its chunks
   * @param decodes how many of the sequences compute a single token, and how many drafted ones
   * @return nanoseconds
   */
  long predictNanos(long cached, long fresh, double pairs, int decodes);

  /**
   * How far predictions have been off lately.
   *
   * @return the mean absolute error in nanoseconds, outliers clipped
   */
  long errorNanos();

  /**
   * By which factor steps with chunks take longer than predicted when they take long: nearly all of
   * them have kept within it lately, pauses of the whole machine left out.
   *
   * @return at least 1
   */
  default double slack() {
    return 1.1;
  }

  /**
   * The time that a plan is predicted to take.
   *
   * @param plan the plan
   * @return nanoseconds
   */
  default long predictNanos(StepPlan plan) {
    return predictNanos(
        plan.cachedTokens(), plan.chunkTokens(), plan.attentionPairs(), plan.decodeRows());
  }

  /**
   * The time that a plan with one more chunk is predicted to take.
   *
   * @param plan the plan
   * @param cached the computed tokens of the chunk's sequence
   * @param tokens the tokens of the chunk, more than 1
   * @return nanoseconds
   */
  default long predictNanos(StepPlan plan, int cached, int tokens) {
    return predictNanos(
        plan.cachedTokens() + cached,
        plan.chunkTokens() + tokens,
        plan.attentionPairs() + pairs(cached, tokens),
        plan.decodeRows());
  }
}
