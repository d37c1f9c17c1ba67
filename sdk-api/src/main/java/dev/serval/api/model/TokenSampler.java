package dev.serval.api.model;

import dev.serval.api.compute.Logits;

/**
 * Draws the tokens of one sequence, and remembers what it drew as penalties demand. Survives the
 * sequence's preemption, since it is called once for each token generated.
 */
@FunctionalInterface
public interface TokenSampler {
  /**
   * Draws the next token.
   *
   * @param logits the step's logits
   * @param row this sequence's row; its contents may be overwritten
   * @param out receives the token, and its probabilities if they are wanted
   */
  void sample(Logits logits, int row, SampledToken out);
}
