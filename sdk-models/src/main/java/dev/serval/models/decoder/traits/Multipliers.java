package dev.serval.models.decoder.traits;

import java.util.Optional;

/**
 * By what parts of a model are multiplied.
 *
 * @param embeddings by what embeddings are
 * @param branches by what is what parts of layers begin with and add
 * @param scores by what scores are, if not by one over the square root of a head's dimensions
 * @param logits by what logits are
 */
public record Multipliers(
    double embeddings, Branches branches, Optional<Double> scores, double logits) {
  static final Multipliers NONE = new Multipliers(1, 1, Optional.empty(), 1);

  /** What all parts of layers add is multiplied alike. */
  public Multipliers(double embeddings, double branches, Optional<Double> scores, double logits) {
    this(embeddings, new Branches(1, branches, branches, 1, branches), scores, logits);
  }

  /**
   * By what is multiplied what parts of layers begin with and add.
   *
   * @param mixerInput what attention, and what carries a state along, begin with
   * @param attention what attention adds
   * @param states what it adds that carries a state along
   * @param feedForwardInput what the feed-forward layer begins with
   * @param feedForward what it adds
   */
  public record Branches(
      double mixerInput,
      double attention,
      double states,
      double feedForwardInput,
      double feedForward) {}
}
