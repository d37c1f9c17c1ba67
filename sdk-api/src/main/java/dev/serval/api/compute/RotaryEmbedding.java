package dev.serval.api.compute;

import java.util.Arrays;

/**
 * How positions turn queries and keys (Su et al., RoFormer, <a
 * href="https://arxiv.org/abs/2104.09864">arXiv:2104.09864</a>): at position p the pair i is turned
 * by the angle p · frequency(i).
 *
 * <p>Which elements make up n pairs depends on how the checkpoint's rows are ordered: two halves
 * are paired, element i with element i + n, as in Hugging Face checkpoints, or neighbours are,
 * element 2i with element 2i + 1, as in the original Llama's and GGUF files of it. A head may be
 * wider than 2n: what lies behind its first 2n elements stays as it is. What is turned may be
 * multiplied by a magnitude, too, and queries by one that grows with their positions.
 */
public final class RotaryEmbedding {
  private final double[] frequencies;
  private final boolean interleaved;
  private final double magnitude;
  private final double growth;
  private final int stretch;
  private final int ahead;

  private RotaryEmbedding(
      double[] frequencies,
      boolean interleaved,
      double magnitude,
      double growth,
      int stretch,
      int ahead) {
    this.frequencies = frequencies;
    this.interleaved = interleaved;
    this.magnitude = magnitude;
    this.growth = growth;
    this.stretch = stretch;
    this.ahead = ahead;
  }

  /**
   * With these frequencies, the two halves of what is turned paired.
   *
   * @param frequencies one for each pair, after any scaling; up to half as many as a head has
   *     dimensions, none if positions turn nothing
   * @return the embedding
   */
  public static RotaryEmbedding of(double[] frequencies) {
    return new RotaryEmbedding(frequencies.clone(), false, 1, 0, 1, 0);
  }

  /**
   * With these frequencies, neighbours paired.
   *
   * @param frequencies one for each pair, after any scaling; up to half as many as a head has
   *     dimensions, none if positions turn nothing
   * @return the embedding
   */
  public static RotaryEmbedding interleaved(double[] frequencies) {
    return new RotaryEmbedding(frequencies.clone(), true, 1, 0, 1, 0);
  }

  /**
   * The same with a magnitude, as scaling for long contexts sharpens attention (Peng et al., YaRN,
   * <a href="https://arxiv.org/abs/2309.00071">arXiv:2309.00071</a>).
   *
   * @param factor what turned elements are multiplied by, of queries and of keys
   * @return the embedding
   */
  public RotaryEmbedding withMagnitude(double factor) {
    return new RotaryEmbedding(frequencies, interleaved, factor, growth, stretch, ahead);
  }

  /**
   * The same with queries that grow with their positions, so that attention stays sharp over long
   * contexts (Nakanishi, <a href="https://arxiv.org/abs/2501.19399">arXiv:2501.19399</a>, as
   * Ministral 3 has it): what is turned of those at position p is multiplied by {@code 1 + share ·
   * ln(1 + ⌊p / positions⌋)}.
   *
   * @param share how much they grow, from 0
   * @param positions how many are alike, from 1
   * @return the embedding
   */
  public RotaryEmbedding withGrowingQueries(double share, int positions) {
    return withGrowingQueries(share, positions, 0);
  }

  /**
   * Likewise, as if they were some positions ahead, as Llama 4 has it.
   *
   * @param share how much they grow, from 0
   * @param positions how many are alike, from 1
   * @param ahead how many positions they are ahead, from 0
   * @return the embedding
   */
  public RotaryEmbedding withGrowingQueries(double share, int positions, int ahead) {
    if (!(share >= 0) || positions < 1 || ahead < 0) {
      throw new IllegalArgumentException(
          "queries grow by a share from 0 over stretches of at least 1 position, 0 or more ahead,"
              + " not by %s over %d, %d ahead".formatted(share, positions, ahead));
    }
    return new RotaryEmbedding(frequencies, interleaved, magnitude, share, positions, ahead);
  }

  /**
   * What turned elements of keys are multiplied by, and of queries unless these grow.
   *
   * @return 1 unless it was given
   */
  public double magnitude() {
    return magnitude;
  }

  /**
   * Whether queries are multiplied by what keys are not.
   *
   * @return true if they grow
   */
  public boolean queriesGrow() {
    return growth > 0;
  }

  /**
   * What turned elements of queries are multiplied by.
   *
   * @param position that of the query
   * @return the magnitude, or more than it from some position on if they grow
   */
  public double queryMagnitude(int position) {
    int stretches = (int) (((long) position + ahead) / stretch);
    return magnitude * (1 + growth * Math.log1p(stretches));
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
   * @return 0, up to half the head's dimensions
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
        + Arrays.toString(frequencies)
        + (magnitude == 1 ? "" : " · " + magnitude)
        + (queriesGrow() ? ", queries growing by " + growth + " over " + stretch : "");
  }
}
