package dev.serval.api.compute;

import org.jspecify.annotations.Nullable;

/**
 * How a layer of experts gives rows to them. A row goes to the experts with its highest scores, of
 * equal ones the first; what an expert gives it counts by its score there.
 *
 * <p>A selection bias is added to scores where experts are chosen and nowhere else: it evens out
 * how many rows they get (Wang et al., <a
 * href="https://arxiv.org/abs/2408.15664">arXiv:2408.15664</a>; as in DeepSeek-V3, <a
 * href="https://arxiv.org/abs/2412.19437">arXiv:2412.19437</a>). What experts rank by is their
 * scores, with it where there is one. A row in which one ranks by what is no number goes to the
 * first experts, and counts them by what is none.
 *
 * @param map {@code [experts, width]}, whose products the scores are made of
 * @param bias a vector of the experts' number that is added to the products, or null
 * @param scoring what makes scores of them
 * @param selectionBias a vector of the experts' number, or null
 * @param expertScales a vector of the experts' number: by what each counts besides, whatever scores
 *     add up to; or null
 * @param groups of which a row's experts are in a few, or null; those that are all used are none
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
    @Nullable Weight expertScales,
    @Nullable Groups groups,
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

  /** By what a group ranks among the others. */
  public enum GroupScore {
    /** The highest rank of its experts, as in DeepSeek-V2. */
    HIGHEST,
    /** The sum of the two highest, as in DeepSeek-V3. */
    TWO_HIGHEST
  }

  /**
   * Equal groups of consecutive experts. A row goes to experts of its best groups alone, of equal
   * ones the first, so that few devices need it (DeepSeek-V2, <a
   * href="https://arxiv.org/abs/2405.04434">arXiv:2405.04434</a>, section 2.2.2).
   *
   * @param count how many groups there are
   * @param used in how many of them a row's experts are
   * @param score by what they rank
   */
  public record Groups(int count, int used, GroupScore score) {
    /** Refuses numbers of groups that there are not. */
    public Groups {
      if (used < 1 || used > count) {
        throw new IllegalArgumentException(
            "a row's experts are in 1 to %d groups, not %d".formatted(count, used));
      }
    }

    private void requireFit(int experts, int expertsUsed) {
      if (experts % count != 0) {
        throw new IllegalArgumentException(
            "%d experts cannot be in %d equal groups".formatted(experts, count));
      }
      int size = experts / count;
      if (score == GroupScore.TWO_HIGHEST && count > 1 && size < 2) {
        throw new IllegalArgumentException(
            "groups that rank by two experts have 2 or more, not " + size);
      }
      if (expertsUsed > used * size) {
        throw new IllegalArgumentException(
            "a row goes to 1 to %d experts, those of %d groups, not %d"
                .formatted(used * size, used, expertsUsed));
      }
    }
  }

  /** Refuses numbers of experts that there are not. */
  public RouterSpec {
    if (used < 1 || used > map.rows()) {
      throw new IllegalArgumentException(
          "a row goes to 1 to %d experts, not %d".formatted(map.rows(), used));
    }
    if (groups != null) {
      groups.requireFit(map.rows(), used);
      groups = groups.used == groups.count ? null : groups;
    }
  }

  /**
   * Without scales of experts or groups.
   *
   * @param map {@code [experts, width]}, whose products the scores are made of
   * @param bias a vector of the experts' number that is added to the products, or null
   * @param scoring what makes scores of them
   * @param selectionBias a vector of the experts' number, or null
   * @param used how many experts a row goes to
   * @param normalised whether the scores by which they count add up to 1
   * @param factor by what everything that they give is multiplied
   */
  public RouterSpec(
      Weight map,
      @Nullable Weight bias,
      Scoring scoring,
      @Nullable Weight selectionBias,
      int used,
      boolean normalised,
      float factor) {
    this(map, bias, scoring, selectionBias, null, null, used, normalised, factor);
  }

  /**
   * As most models have it.
   *
   * @param map {@code [experts, width]}, whose products the scores are made of
   * @param bias a vector of the experts' number that is added to the products, or null
   * @param used how many experts a row goes to
   * @param normalised whether the scores by which they count add up to 1
   * @param factor by what everything that they give is multiplied
   * @return scores by softmax, without a selection bias or groups
   */
  public static RouterSpec softmax(
      Weight map, @Nullable Weight bias, int used, boolean normalised, float factor) {
    return new RouterSpec(map, bias, Scoring.SOFTMAX, null, used, normalised, factor);
  }

  /**
   * Whether experts and groups rank by what scores are, and not just by their order, which is that
   * of the products.
   *
   * @return true with a selection bias, or where scores are added up
   */
  public boolean ranksByScores() {
    return selectionBias != null || (groups != null && groups.score == GroupScore.TWO_HIGHEST);
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
