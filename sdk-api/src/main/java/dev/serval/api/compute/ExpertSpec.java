package dev.serval.api.compute;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A feed-forward layer of several experts, of which each row goes to a few (Shazeer et al., <a
 * href="https://arxiv.org/abs/1701.06538">arXiv:1701.06538</a>; as in Mixtral, <a
 * href="https://arxiv.org/abs/2401.04088">arXiv:2401.04088</a>).
 *
 * @param router which rows go to which, and by what that counts
 * @param experts the experts, all of one shape; all of them have a bias or none has
 * @param function what each has between its maps
 * @param weighing what is multiplied by what a row counts by
 */
public record ExpertSpec(
    RouterSpec router,
    List<FeedForwardMaps> experts,
    ActivationFunction function,
    Weighing weighing) {

  /** What is multiplied by that by which an expert counts for a row. */
  public enum Weighing {
    /** What the expert gives. */
    OUTPUTS,
    /** What it begins with, as in Llama 4; its gates and ups have no bias then. */
    INPUTS
  }

  /**
   * As most models have it.
   *
   * @param router which rows go to which, and by what that counts
   * @param experts the experts
   * @param function what each has between its maps
   */
  public ExpertSpec(RouterSpec router, List<FeedForwardMaps> experts, ActivationFunction function) {
    this(router, experts, function, Weighing.OUTPUTS);
  }

  /** Refuses shapes that do not fit together. */
  public ExpertSpec {
    experts = List.copyOf(experts);
    if (function instanceof SparseGate) {
      throw new IllegalArgumentException("experts have no gates that are sparse, " + function);
    }
    if (experts.size() != router.experts()) {
      throw new IllegalArgumentException(
          "a router of %d experts is given %d".formatted(router.experts(), experts.size()));
    }
    FeedForwardMaps first = experts.getFirst();
    int width = router.map().columns();
    int inner = first.down().columns();
    for (FeedForwardMaps expert : experts) {
      requireShape("gates and ups", expert.gateUp(), function.inputs(inner), width);
      requireShape("downs", expert.down(), width, inner);
      requireAlike("gates and ups", expert.gateUpBias(), first.gateUpBias());
      requireAlike("downs", expert.downBias(), first.downBias());
    }
    if (weighing == Weighing.INPUTS && first.gateUpBias() != null) {
      throw new IllegalArgumentException(
          "gates and ups of what is multiplied before have no bias; these have one");
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
   * Whether what experts begin with is multiplied, and not what they give.
   *
   * @return true if it is
   */
  public boolean weighsInputs() {
    return weighing == Weighing.INPUTS;
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
    return router.map().columns();
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
