package dev.serval.api;

import java.util.List;

/**
 * How likely the model found a token, and what else it considered. Logarithms are natural and taken
 * of the softmax over the whole vocabulary of the model's own logits: before penalties, bias,
 * temperature and truncation.
 *
 * @param tokenId the token
 * @param text its text alone; a part of a character shows as U+FFFD
 * @param logprob the logarithm of its probability
 * @param alternatives the most likely tokens at this place, the likeliest first, as many as asked
 */
public record TokenLogprob(
    int tokenId, String text, double logprob, List<Alternative> alternatives) {
  /** Copies the alternatives. */
  public TokenLogprob {
    alternatives = List.copyOf(alternatives);
  }

  /**
   * A token that could have stood here.
   *
   * @param tokenId the token
   * @param text its text alone
   * @param logprob the logarithm of its probability
   */
  public record Alternative(int tokenId, String text, double logprob) {}
}
