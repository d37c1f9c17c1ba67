package dev.serval.api.model;

/**
 * The largest step that an engine will ask of its executor.
 *
 * @param tokens the most tokens over all sequences
 * @param sequences the most sequences
 * @param draftTokens the most of its tokens that are drafted, each of which has logits of its own
 */
public record StepLimits(int tokens, int sequences, int draftTokens) {
  /** Refuses limits below 1, and fewer tokens than sequences: a decode takes one token each. */
  public StepLimits {
    if (sequences < 1 || tokens < sequences) {
      throw new IllegalArgumentException(
          "a step of at most %d tokens cannot serve %d sequences".formatted(tokens, sequences));
    }
    if (draftTokens < 0 || draftTokens > tokens - 1) {
      throw new IllegalArgumentException(
          "a step of at most %d tokens cannot have %d drafted ones".formatted(tokens, draftTokens));
    }
  }

  /**
   * Limits of steps without drafts.
   *
   * @param tokens the most tokens over all sequences
   * @param sequences the most sequences
   */
  public StepLimits(int tokens, int sequences) {
    this(tokens, sequences, 0);
  }

  /**
   * The most rows of logits that a step can want.
   *
   * @return one for each sequence and for each drafted token
   */
  public int logitRows() {
    return sequences + draftTokens;
  }
}
