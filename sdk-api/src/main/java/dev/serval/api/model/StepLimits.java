package dev.serval.api.model;

/**
 * The largest step that an engine will ask of its executor.
 *
 * @param tokens the most tokens over all sequences
 * @param sequences the most sequences
 */
public record StepLimits(int tokens, int sequences) {
  /** Refuses limits below 1, and fewer tokens than sequences: a decode takes one token each. */
  public StepLimits {
    if (sequences < 1 || tokens < sequences) {
      throw new IllegalArgumentException(
          "a step of at most %d tokens cannot serve %d sequences".formatted(tokens, sequences));
    }
  }
}
