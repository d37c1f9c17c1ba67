package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.BranchNorms;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.ExpertTraits;
import dev.serval.models.decoder.traits.HeadNorms;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.Multipliers;
import dev.serval.models.decoder.traits.OutputGates;
import dev.serval.models.decoder.traits.RotaryLayers;
import dev.serval.models.decoder.traits.RowNorms;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Trinity: three of four layers have a window, and positions turn nothing in the others; what
 * attention gives is let through by gates; attention and the feed-forward layer begin and end with
 * a norm; experts as DeepSeek-V3 has them, and dense layers below.
 */
public final class Afmoe extends DecoderFamily {
  private static final int USUAL_PERIOD = 4;

  private static final Map<String, String> FIELDS =
      Map.of(
          SigmoidExperts.COUNT,
          "num_experts",
          SigmoidExperts.SHARED,
          "num_shared_experts",
          SigmoidExperts.SCORING,
          "score_func",
          SigmoidExperts.DENSE,
          "num_dense_layers",
          "norm_topk_prob",
          "route_norm",
          "routed_scaling_factor",
          "route_scale");

  private static final List<String> OF_TRAINING =
      List.of("auto_map", "load_balance_coeff", "use_grouped_mm");

  private static final List<String> GROUPS = List.of("num_expert_groups", "num_limited_groups");

  private static final BranchNorms NORMS =
      BranchNorms.both(
          new BranchNorms.Names("input_layernorm", "pre_mlp_layernorm"),
          new BranchNorms.Names("post_attention_layernorm", "post_mlp_layernorm"));

  /** For the service loader. */
  public Afmoe() {
    super("afmoe", Set.of("AfmoeForCausalLM"), Set.of("afmoe"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    config.rename(FIELDS);
    OF_TRAINING.forEach(config::ignore);
    refuseGroups(config);
    int period = config.count("global_attn_every_n_layers", USUAL_PERIOD);
    LayerWindows windows = LayerWindows.butEvery(period, config);
    boolean scaled = config.flag("mup_enabled", false);
    double embeddings = scaled ? Math.sqrt(config.count("hidden_size")) : 1;
    return DecoderTraits.with(windows)
        .headNorms(HeadNorms.EACH)
        .branchNorms(NORMS)
        .norms(RowNorms.ROOT_MEAN_SQUARE.larger())
        .multipliers(new Multipliers(embeddings, 1, Optional.empty(), 1))
        .rotaryLayers(RotaryLayers.windowed(windows, config))
        .outputGates(OutputGates.APART)
        .experts(
            SigmoidExperts.read(
                config, new ExpertTraits.Names.Apart("mlp.router.gate"), "mlp.expert_bias"))
        .build();
  }

  private static void refuseGroups(ModelConfig config) {
    for (String field : GROUPS) {
      if (config.count(field, 1) != 1) {
        throw config.refuse(field, "1 or missing");
      }
    }
  }
}
