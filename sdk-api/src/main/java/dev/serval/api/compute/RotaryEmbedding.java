package dev.serval.api.compute;

import java.util.Arrays;

/**
 * How positions turn queries and keys (Su et al., RoFormer, <a
 * href="https://arxiv.org/abs/2104.09864">arXiv:2104.09864</a>): at position p the pair i is turned
 * by the angle p · frequency(i).
 *
 * <p>Which elements of a head of 2n make up a pair depends on how the checkpoint's rows are
 * ordered: the two halves are paired, element i with element i + n, as in Hugging Face checkpoints,
 * or neighbours are, element 2i with element 2i + 1, as in the original Llama's and GGUF files of
 * it.
 */
public final class RotaryEmbedding {
  private final double[] frequencies;
  private final boolean interleaved;

  private RotaryEmbedding(double[] frequencies, boolean interleaved) {
    this.frequencies = frequencies;
    this.interleaved = interleaved;
  }

  /**
   * With these frequencies, the two halves of a head paired.
   *
   * @param frequencies one for each pair, after any scaling; half as many as a head has dimensions
   * @return the embedding
   */
  public static RotaryEmbedding of(double[] frequencies) {
    return new RotaryEmbedding(frequencies.clone(), false);
  }

  /**
   * With these frequencies, neighbours paired.
   *
   * @param frequencies one for each pair, after any scaling; half as many as a head has dimensions
   * @return the embedding
   */
  public static RotaryEmbedding interleaved(double[] frequencies) {
    return new RotaryEmbedding(frequencies.clone(), true);
  }

  /**
   * The first element of a pair.
   *
   * @param pair which pair, from 0
   * @return its index in the head
   */
  public int first(int pair) {
    return interleaved ? 2 * pair : pair;
  }

  /**
   * The second element of a pair.
   *
   * @param pair which pair, from 0
   * @return its index in the head
   */
  public int second(int pair) {
    return interleaved ? 2 * pair + 1 : pair + frequencies.length;
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
    return (interleaved ? "RotaryEmbedding, interleaved" : "RotaryEmbedding")
        + Arrays.toString(frequencies);
  }
}
