package dev.serval.api.compute;

import org.jspecify.annotations.Nullable;

/**
 * How a layer of experts gives rows to them. A row goes to the experts with its highest scores, of
 * equal ones the first; what an expert gives it counts by its score there.
 *
 * <p>A selection bias is added to scores where experts are chosen and nowhere else: it evens out
 * how many rows they get (Wang et al., <a
 * href="https://arxiv.org/abs/2408.15664">arXiv:2408.15664</a>; as in DeepSeek-V3, <a
 * href="https://arxiv.org/abs/2412.19437">arXiv:2412.19437</a>).
 *
 * @param map {@code [experts, width]}, whose products the scores are made of
 * @param bias a vector of the experts' number that is added to the products, or null
 * @param scoring what makes scores of them
 * @param selectionBias a vector of the experts' number, or null
 * @param used how many experts a row goes to
 * @param normalised whether the scores by which they count are divided by their sum, so that these
 *     add up to 1
 * @param factor by what everything that they give is multiplied
 */
public record RouterSpec(
    Weight map,
    @Nullable Weight bias,
    Scoring scoring,
    @Nullable Weight selectionBias,
    int used,
    boolean normalised,
    float factor) {

  /** What makes scores of a router's products. */
  public enum Scoring {
    /** The softmax of all experts' products. */
    SOFTMAX,
    /** The logistic function of each. */
    SIGMOID
  }

  /** Refuses numbers of experts that there are not. */
  public RouterSpec {
    if (used < 1 || used > map.rows()) {
      throw new IllegalArgumentException(
          "a row goes to 1 to %d experts, not %d".formatted(map.rows(), used));
    }
  }

  /**
   * As most models have it.
   *
   * @param map {@code [experts, width]}, whose products the scores are made of
   * @param bias a vector of the experts' number that is added to the products, or null
   * @param used how many experts a row goes to
   * @param normalised whether the scores by which they count add up to 1
   * @param factor by what everything that they give is multiplied
   * @return scores by softmax, without a selection bias
   */
  public static RouterSpec softmax(
      Weight map, @Nullable Weight bias, int used, boolean normalised, float factor) {
    return new RouterSpec(map, bias, Scoring.SOFTMAX, null, used, normalised, factor);
  }

  /**
   * How many experts there are.
   *
   * @return 1 or more
   */
  public int experts() {
    return map.rows();
  }
}
