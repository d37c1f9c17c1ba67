package dev.serval.api.batching;

/**
 * What a step has so far, while it is planned. Valid during the call it was given to; all of it is
 * at hand, whatever the number of sequences.
 */
public interface StepPlan {
  /**
   * The tokens it computes.
   *
   * @return decodes, drafts and chunks together
   */
  int tokens();

  /**
   * The sequences that take part.
   *
   * @return how many, decodes included
   */
  int sequences();

  /**
   * The sequences of which it computes a single token that is known.
   *
   * @return how many
   */
  int decodes();

  /**
   * The tokens that it computes beside those of decodes because they may follow them.
   *
   * @return how many
   */
  default int draftTokens() {
    return 0;
  }

  /**
   * The rows of its decodes, drafted ones among them.
   *
   * @return how many
   */
  default int decodeRows() {
    return decodes() + draftTokens();
  }

  /**
   * The tokens of its chunks.
   *
   * @return how many are neither decodes nor drafts
   */
  default int chunkTokens() {
    return tokens() - decodeRows();
  }

  /**
   * The tokens whose KV its attention reads besides its own.
   *
   * @return the sum of the computed tokens of all that take part
   */
  long cachedTokens();

  /**
   * The work of its chunks' attention.
   *
   * @return the sum of 2 · cached · new + new² over the chunks; decodes do not count
   */
  double attentionPairs();

  /**
   * When the first of those that get a token by it must have it to keep its class's {@code tpot}:
   * of its decodes, and of the prompts that end in it, whose time runs from the step's beginning.
   *
   * @param rank looks at those of this {@linkplain dev.serval.api.ServiceLevel#rank() rank} and
   *     those above it alone
   * @return a reading of the engine's clock, in nanoseconds; {@link Long#MAX_VALUE} if none has a
   *     target
   */
  long dueNanos(int rank);
}
