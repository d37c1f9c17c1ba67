package dev.serval.testkit.models;

import dev.serval.api.compute.RouterSpec;
import java.util.Optional;

/**
 * The experts of a {@link SmallModel}'s feed-forward layers.
 *
 * @param count how many a layer has
 * @param used to how many a row goes
 * @param inner how wide they are within
 * @param normalised whether the shares of those that a row goes to add up to 1
 * @param biased whether maps have a bias, that which gives the scores among them
 * @param groups of which a row's experts are in a few, if there are any
 * @param names what they are called
 * @param beside what else there is
 */
public record Experts(
    int count,
    int used,
    int inner,
    boolean normalised,
    boolean biased,
    Optional<RouterSpec.Groups> groups,
    Names names,
    Beside beside) {
  /**
   * Experts in no groups.
   *
   * @param count how many a layer has
   * @param used to how many a row goes
   * @param inner how wide they are within
   * @param normalised whether the shares of those that a row goes to add up to 1
   * @param biased whether maps have a bias, that which gives the scores among them
   * @param names what they are called
   * @param beside what else there is
   */
  public Experts(
      int count,
      int used,
      int inner,
      boolean normalised,
      boolean biased,
      Names names,
      Beside beside) {
    this(count, used, inner, normalised, biased, Optional.empty(), names, beside);
  }

  /**
   * Experts under the names that most families have, and nothing else.
   *
   * @param count how many a layer has
   * @param used to how many a row goes
   * @param inner how wide they are within
   * @param normalised whether the shares of those that a row goes to add up to 1
   * @param biased whether maps have a bias, that which gives the scores among them
   * @param router what gives the scores, without {@code .weight}
   */
  public Experts(
      int count, int used, int inner, boolean normalised, boolean biased, String router) {
    this(
        count,
        used,
        inner,
        normalised,
        biased,
        new Names(router, "mlp.experts", "gate_proj", "up_proj", "down_proj"),
        Beside.NOTHING);
  }

  /**
   * What tensors are called within a layer, without {@code .weight}.
   *
   * @param router what gives the scores
   * @param prefix what an expert's names begin with, before its number
   * @param gate its gate
   * @param up its up
   * @param down its down
   */
  public record Names(String router, String prefix, String gate, String up, String down) {
    /**
     * Of maps that have no gates.
     *
     * @param router what gives the scores
     * @param prefix what an expert's names begin with, before its number
     * @param up its first map
     * @param down its last
     * @return the names
     */
    public static Names ungated(String router, String prefix, String up, String down) {
      return new Names(router, prefix, up, up, down);
    }

    /**
     * Whether there are gates.
     *
     * @return false where an expert has two maps alone
     */
    public boolean gated() {
      return !gate.equals(up);
    }

    /**
     * Those of Mixtral.
     *
     * @param router what gives the scores, beside the experts
     * @return the names
     */
    public static Names mixtral(String router) {
      String layer = "block_sparse_moe.";
      return new Names(layer + router, layer + "experts", "w1", "w3", "w2");
    }
  }

  /**
   * What is beside experts that rows are given to by a softmax.
   *
   * @param denseLayers how many of the lowest layers have none
   * @param sigmoid whether scores are those of the logistic function
   * @param selectionBias what is added to scores where experts are chosen, if anything is
   * @param factor by what everything that they give is multiplied
   * @param shared how wide one is within that all rows go to; 0 for none
   * @param sharedMaps what its maps begin with
   * @param sharedGate what gives it a share, if anything does
   */
  public record Beside(
      int denseLayers,
      boolean sigmoid,
      Optional<String> selectionBias,
      double factor,
      int shared,
      String sharedMaps,
      Optional<String> sharedGate) {
    /** Nothing. */
    public static final Beside NOTHING =
        new Beside(0, false, Optional.empty(), 1, 0, "", Optional.empty());

    /**
     * Nothing but scores by the logistic function.
     *
     * @param selectionBias what is added to them where experts are chosen
     * @return what is beside
     */
    public static Beside scored(String selectionBias) {
      return new Beside(0, true, Optional.of(selectionBias), 1, 0, "", Optional.empty());
    }
  }

  /**
   * With what is beside them.
   *
   * @param other what that is
   * @return these and that
   */
  public Experts with(Beside other) {
    return new Experts(count, used, inner, normalised, biased, groups, names, other);
  }

  /**
   * In groups.
   *
   * @param some of which a row's experts are in a few
   * @return these in those
   */
  public Experts with(RouterSpec.Groups some) {
    return new Experts(count, used, inner, normalised, biased, Optional.of(some), names, beside);
  }

  /**
   * What an expert's map is called.
   *
   * @param layer what the layer's names begin with
   * @param expert its number
   * @param map the gate, up or down
   * @return the name, without {@code .weight}
   */
  public String name(String layer, int expert, String map) {
    return "%s%s.%d.%s".formatted(layer, names.prefix, expert, map);
  }
}
