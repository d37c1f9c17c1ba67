package dev.serval.api.compute;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A feed-forward layer of several experts, of which each row goes to a few (Shazeer et al., <a
 * href="https://arxiv.org/abs/1701.06538">arXiv:1701.06538</a>; as in Mixtral, <a
 * href="https://arxiv.org/abs/2401.04088">arXiv:2401.04088</a>). A row goes to the experts with its
 * highest scores, of equal ones the first. What an expert gives counts by its share of the softmax.
 *
 * @param router {@code [experts, width]}, which gives the scores
 * @param routerBias a vector of the experts' number that is added to the scores, or null
 * @param experts the experts, all of one shape; all of them have a bias or none has
 * @param used how many experts a row goes to
 * @param normalised whether the softmax is that of these alone, so that their shares add up to 1,
 *     and not that of all
 * @param function what lets values through
 * @param factor by what everything that they give is multiplied
 */
public record ExpertSpec(
    Weight router,
    @Nullable Weight routerBias,
    List<GatedMaps> experts,
    int used,
    boolean normalised,
    GateFunction function,
    float factor) {

  /** Refuses shapes that do not fit together. */
  public ExpertSpec {
    experts = List.copyOf(experts);
    int count = router.rows();
    if (experts.size() != count) {
      throw new IllegalArgumentException(
          "a router of %d experts is given %d".formatted(count, experts.size()));
    }
    if (used < 1 || used > count) {
      throw new IllegalArgumentException(
          "a row goes to 1 to %d experts, not %d".formatted(count, used));
    }
    GatedMaps first = experts.getFirst();
    int width = router.columns();
    int inner = first.down().columns();
    for (GatedMaps expert : experts) {
      requireShape("gates and ups", expert.gateUp(), Math.multiplyExact(2, inner), width);
      requireShape("downs", expert.down(), width, inner);
      requireAlike("gates and ups", expert.gateUpBias(), first.gateUpBias());
      requireAlike("downs", expert.downBias(), first.downBias());
    }
  }

  private static void requireShape(String role, Weight weight, int rows, int columns) {
    if (weight.rows() != rows || weight.columns() != columns) {
      throw new IllegalArgumentException(
          "an expert's %s are of %d × %d beside others of %d × %d"
              .formatted(role, weight.rows(), weight.columns(), rows, columns));
    }
  }

  private static void requireAlike(String role, @Nullable Weight bias, @Nullable Weight first) {
    if ((bias == null) != (first == null)) {
      throw new IllegalArgumentException(
          "all experts' %s have a bias or none have; some have one here".formatted(role));
    }
  }

  /**
   * How many experts there are.
   *
   * @return 1 or more
   */
  public int count() {
    return experts.size();
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
    return experts.getFirst().down().columns();
  }
}
