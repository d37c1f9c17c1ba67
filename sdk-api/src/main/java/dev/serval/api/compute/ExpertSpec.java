package dev.serval.api.compute;

import java.util.List;

/**
 * A feed-forward layer of several experts, of which each row goes to a few (Shazeer et al., <a
 * href="https://arxiv.org/abs/1701.06538">arXiv:1701.06538</a>; as in Mixtral, <a
 * href="https://arxiv.org/abs/2401.04088">arXiv:2401.04088</a>). A row goes to the experts with its
 * highest scores, of equal ones the first. What an expert gives counts by its share of the softmax.
 *
 * @param router {@code [experts, width]}, which gives the scores
 * @param gateUps for each expert {@code [2 · inner, width]}, the rows of the gate above those of up
 * @param downs for each expert {@code [width, inner]}
 * @param used how many experts a row goes to
 * @param normalised whether the softmax is that of these alone, so that their shares add up to 1,
 *     and not that of all
 * @param function what lets values through
 * @param factor by what everything that they give is multiplied
 */
public record ExpertSpec(
    Weight router,
    List<Weight> gateUps,
    List<Weight> downs,
    int used,
    boolean normalised,
    GateFunction function,
    float factor) {

  /** Refuses shapes that do not fit together. */
  public ExpertSpec {
    gateUps = List.copyOf(gateUps);
    downs = List.copyOf(downs);
    int count = router.rows();
    if (gateUps.size() != count || downs.size() != count) {
      throw new IllegalArgumentException(
          "a router of %d experts has %d with gates and %d with downs"
              .formatted(count, gateUps.size(), downs.size()));
    }
    if (used < 1 || used > count) {
      throw new IllegalArgumentException(
          "a row goes to 1 to %d experts, not %d".formatted(count, used));
    }
    int width = router.columns();
    int inner = downs.getFirst().columns();
    gateUps.forEach(
        gateUp -> requireShape("gates and ups", gateUp, Math.multiplyExact(2, inner), width));
    downs.forEach(down -> requireShape("downs", down, width, inner));
  }

  private static void requireShape(String role, Weight weight, int rows, int columns) {
    if (weight.rows() != rows || weight.columns() != columns) {
      throw new IllegalArgumentException(
          "an expert's %s are of %d × %d beside others of %d × %d"
              .formatted(role, weight.rows(), weight.columns(), rows, columns));
    }
  }

  /**
   * How many experts there are.
   *
   * @return 1 or more
   */
  public int count() {
    return gateUps.size();
  }

  /**
   * How wide a row is.
   *
   * @return the columns of what goes in and comes out
   */
  public int width() {
    return router.columns();
  }

  /**
   * How wide an expert is within.
   *
   * @return the columns between its maps
   */
  public int inner() {
    return downs.getFirst().columns();
  }
}
