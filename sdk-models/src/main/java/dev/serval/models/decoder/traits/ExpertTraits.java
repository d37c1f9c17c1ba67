package dev.serval.models.decoder.traits;

import dev.serval.api.compute.ExpertSpec.Weighing;
import dev.serval.api.compute.RouterSpec.GroupScore;
import dev.serval.api.compute.RouterSpec.Groups;
import dev.serval.api.compute.RouterSpec.Scoring;
import dev.serval.models.decoder.config.ModelConfig;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntPredicate;

/**
 * The experts of a model's feed-forward layers.
 *
 * @param count how many a layer has
 * @param inner how wide they are within
 * @param routing which rows go to which
 * @param shared what all rows go to beside them, if there is such an expert
 * @param beside whether each layer is a dense one besides, each with norms of its own
 * @param layers which layers have them
 * @param names what their tensors are called
 */
public record ExpertTraits(
    int count,
    int inner,
    Routing routing,
    Optional<Shared> shared,
    boolean beside,
    IntPredicate layers,
    Names names) {

  /** More than any model has, and few enough to be listed. */
  private static final int MOST = 4096;

  private static final String TYPES = "mlp_layer_types";
  private static final String SPARSE = "sparse";
  private static final String GROUPS = "n_group";
  private static final String GROUPS_USED = "topk_group";

  /**
   * Which rows go to which experts.
   *
   * @param used to how many a row goes
   * @param scoring what makes scores
   * @param selectionBias what is called, within a layer, what is added to them where experts are
   *     chosen, if anything is
   * @param groups of which a row's experts are in a few, if there are any
   * @param normalised whether the shares of those that a row goes to add up to 1
   * @param factor by what everything that they give is multiplied
   * @param weighing whether shares multiply what they give, or what they begin with
   */
  public record Routing(
      int used,
      Scoring scoring,
      Optional<String> selectionBias,
      Optional<Groups> groups,
      boolean normalised,
      double factor,
      Weighing weighing) {
    private static Routing softmax(int used, boolean normalised) {
      return new Routing(
          used,
          Scoring.SOFTMAX,
          Optional.empty(),
          Optional.empty(),
          normalised,
          1,
          Weighing.OUTPUTS);
    }

    private Routing scored(Scoring other, Optional<String> bias) {
      return new Routing(used, other, bias, groups, normalised, factor, weighing);
    }

    private Routing grouped(Groups some) {
      return new Routing(
          used, scoring, selectionBias, Optional.of(some), normalised, factor, weighing);
    }

    private Routing multiplied(double by) {
      return new Routing(used, scoring, selectionBias, groups, normalised, by, weighing);
    }

    private Routing ofInputs() {
      return new Routing(used, scoring, selectionBias, groups, normalised, factor, Weighing.INPUTS);
    }
  }

  /**
   * An expert that all rows go to.
   *
   * @param inner how wide it is within
   * @param maps what its maps are called
   * @param gate what is called, within a layer and without {@code .weight}, what gives the logistic
   *     function's argument by which it counts, if anything does
   */
  public record Shared(int inner, MapNames maps, Optional<String> gate) {}

  /** Names within a layer, without {@code .weight}. */
  public sealed interface Names {
    /** Those that most families have. */
    Names USUAL = new Apart("mlp.gate");

    /** That of what gives the scores. */
    String router();

    /**
     * Each expert has its own tensors.
     *
     * @param router of what gives the scores
     * @param experts what those of an expert begin with, before its number
     * @param gate its gate
     * @param up its up
     * @param down its down
     */
    public record Apart(String router, String experts, String gate, String up, String down)
        implements Names {
      /** Under the names that most families have, but for that of the router. */
      public Apart(String router) {
        this(router, "mlp.experts", "gate_proj", "up_proj", "down_proj");
      }

      /** What an expert's maps are called. */
      public MapNames of(int expert) {
        String prefix = "%s.%d.".formatted(experts, expert);
        return MapNames.apart(prefix + gate, prefix + up, prefix + down);
      }
    }

    /**
     * Each expert has its own tensors, its gate and up in one.
     *
     * @param router of what gives the scores
     * @param experts what those of an expert begin with, before its number
     * @param gateUp its gate and up
     * @param down its down
     */
    record Joined(String router, String experts, String gateUp, String down) implements Names {
      /** What an expert's maps are called. */
      public MapNames of(int expert) {
        String prefix = "%s.%d.".formatted(experts, expert);
        return MapNames.fused(prefix + gateUp, prefix + down);
      }
    }

    /**
     * All experts of a layer are in the same tensors.
     *
     * @param router of what gives the scores
     * @param gateUp the gates and ups, the whole name
     * @param down the downs, the whole name
     */
    record Together(String router, String gateUp, String down) implements Names {}
  }

  /** Reads what families call by several names; shares are those of a softmax. */
  public static ExpertTraits read(
      ModelConfig config, String countField, String innerField, boolean normalised, Names names) {
    return read(config, countField, "num_experts_per_tok", innerField, normalised, names);
  }

  /** The same where the number of experts that a row goes to has another name, too. */
  public static ExpertTraits read(
      ModelConfig config,
      String countField,
      String usedField,
      String innerField,
      boolean normalised,
      Names names) {
    int count = config.count(countField);
    if (count > MOST) {
      throw config.refuse(countField, "a number up to " + MOST);
    }
    int used = config.count(usedField);
    if (used > count) {
      throw config.refuse(usedField, "at most " + countField + ", " + count);
    }
    Routing routing = Routing.softmax(used, normalised);
    return new ExpertTraits(
        count, config.width(innerField), routing, Optional.empty(), false, _ -> true, names);
  }

  /**
   * With other scores.
   *
   * @param selectionBias what is called what is added to them where experts are chosen
   * @param factor by what everything that experts give is multiplied
   */
  public ExpertTraits scored(Scoring scoring, String selectionBias, double factor) {
    return routed(routing.scored(scoring, Optional.of(selectionBias)).multiplied(factor));
  }

  /** With scores by the logistic function, which multiply what experts begin with. */
  public ExpertTraits weighingInputs() {
    return routed(routing.scored(Scoring.SIGMOID, Optional.empty()).ofInputs());
  }

  /** With everything that experts give multiplied. */
  public ExpertTraits multiplied(double factor) {
    return routed(routing.multiplied(factor));
  }

  /**
   * In groups, by the names of DeepSeek's fields; in one if there are none.
   *
   * @param score by what they rank
   */
  public ExpertTraits grouped(ModelConfig config, GroupScore score) {
    int groups = config.count(GROUPS, 1);
    requireEqual(config, groups, score);
    Groups some = new Groups(groups, groupsUsed(config, groups), score);
    return routed(routing.grouped(some));
  }

  private ExpertTraits routed(Routing other) {
    return new ExpertTraits(count, inner, other, shared, beside, layers, names);
  }

  private void requireEqual(ModelConfig config, int groups, GroupScore score) {
    if (count % groups != 0) {
      throw config.refuse(GROUPS, "a number that divides that of the experts, " + count);
    }
    if (score == GroupScore.TWO_HIGHEST && groups > 1 && count < 2 * groups) {
      throw config.refuse(GROUPS, "at most half the number of the experts, " + count);
    }
  }

  /** They hold the experts that a row goes to. */
  private int groupsUsed(ModelConfig config, int groups) {
    int used = groups == 1 ? config.count(GROUPS_USED, 1) : config.count(GROUPS_USED);
    int least = Math.ceilDiv(routing.used, count / groups);
    if (used < least || used > groups) {
      throw config.refuse(
          GROUPS_USED,
          "from %d, as %d experts are in so many, to %s, %d"
              .formatted(least, routing.used, GROUPS, groups));
    }
    return used;
  }

  /** With an expert that all rows go to. */
  public ExpertTraits with(Shared given) {
    return new ExpertTraits(count, inner, routing, Optional.of(given), beside, layers, names);
  }

  /**
   * With several of the same width as the others, which are one expert as wide as all of them.
   *
   * @param field how many there are
   */
  public ExpertTraits shared(ModelConfig config, String field) {
    int together = config.atLeast(field, 0, 0);
    if (2L * together * inner > Integer.MAX_VALUE) {
      throw config.refuse(
          field, "a number whose experts of %d are 2^30 wide at most together".formatted(inner));
    }
    return together == 0
        ? this
        : with(new Shared(together * inner, MapNames.of("mlp.shared_experts."), Optional.empty()));
  }

  /**
   * With dense layers below those of experts.
   *
   * @param field how many there are
   */
  public ExpertTraits above(ModelConfig config, String field, int otherwise) {
    int dense = config.atLeast(field, 0, otherwise);
    return only(layer -> layer >= dense);
  }

  /** Where {@code mlp_layer_types} says so, if that is given; it must agree with other fields. */
  public ExpertTraits sparse(ModelConfig config) {
    Optional<List<String>> types = config.texts(TYPES);
    int count = config.count("num_hidden_layers");
    types.ifPresent(list -> {
      if (list.size() != count || !Set.of("dense", SPARSE).containsAll(list)) {
        throw config.refuse(
            TYPES, "\"dense\" or \"sparse\" for each of %d layers".formatted(count));
      }
      for (int layer = 0; layer < count; layer++) {
        if (list.get(layer).equals(SPARSE) && !in(layer)) {
          throw config.refuse(TYPES, "\"dense\" in layer %d, as other fields say".formatted(layer));
        }
      }
    });
    return types.map(list -> only(layer -> list.get(layer).equals(SPARSE))).orElse(this);
  }

  /** In some layers alone. */
  public ExpertTraits only(IntPredicate some) {
    return new ExpertTraits(count, inner, routing, shared, beside, some, names);
  }

  /** With layers that are dense ones besides. */
  public ExpertTraits besideDense() {
    return new ExpertTraits(count, inner, routing, shared, true, layers, names);
  }

  /** Whether a layer has experts. */
  public boolean in(int layer) {
    return layers.test(layer);
  }
}
