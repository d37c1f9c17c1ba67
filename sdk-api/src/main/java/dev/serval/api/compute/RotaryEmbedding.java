package dev.serval.api.compute;

import java.util.Arrays;

/**
 * How positions turn queries and keys (Su et al., RoFormer, <a
 * href="https://arxiv.org/abs/2104.09864">arXiv:2104.09864</a>): at position p the pair i is turned
 * by the angle p · frequency(i). The two halves of a head are paired: element i with element i + n,
 * as in Hugging Face checkpoints.
 */
public final class RotaryEmbedding {
  private final double[] frequencies;

  private RotaryEmbedding(double[] frequencies) {
    this.frequencies = frequencies;
  }

  /**
   * With these frequencies.
   *
   * @param frequencies one for each pair, after any scaling; half as many as a head has dimensions
   * @return the embedding
   */
  public static RotaryEmbedding of(double[] frequencies) {
    return new RotaryEmbedding(frequencies.clone());
  }

  /**
   * How many pairs are turned.
   *
   * @return half the head's dimensions
   */
  public int pairs() {
    return frequencies.length;
  }

  /**
   * How fast a pair turns.
   *
   * @param pair which pair, from 0
   * @return radians for each position
   */
  public double frequency(int pair) {
    return frequencies[pair];
  }

  @Override
  public String toString() {
    return "RotaryEmbedding" + Arrays.toString(frequencies);
  }
}
