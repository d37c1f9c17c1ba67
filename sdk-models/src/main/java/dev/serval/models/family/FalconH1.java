package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.BranchNorms;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.MapNames;
import dev.serval.models.decoder.traits.Multipliers;
import dev.serval.models.decoder.traits.Multipliers.Branches;
import dev.serval.models.decoder.traits.PartNames;
import dev.serval.models.decoder.traits.RowNorms;
import dev.serval.models.decoder.traits.StateLayers;
import dev.serval.models.decoder.traits.StateSpaceTraits;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Falcon-H1 (<a href="https://arxiv.org/abs/2507.22448">arXiv:2507.22448</a>): each layer attends,
 * and has a state space of the same rows beside that; most of what parts of layers begin with and
 * give is multiplied.
 */
public final class FalconH1 extends DecoderFamily {
  private static final String SPACE_WIDTH = "mamba_d_ssm";
  private static final String BEFORE_GATE = "mamba_norm_before_gate";

  /** Of training, of how kernels work, or said by other fields as well. */
  private static final List<String> OF_NO_USE =
      List.of(
          "auto_map",
          "mamba_chunk_size",
          "mlp_expansion_factor",
          "num_logits_to_keep",
          "time_step_floor",
          "time_step_max",
          "time_step_min");

  /** For the service loader. */
  public FalconH1() {
    super("falcon_h1", Set.of("FalconH1ForCausalLM"), Set.of("falcon_h1"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    OF_NO_USE.forEach(config::ignore);
    refuseOthers(config);
    Scales scales = Scales.read(config);
    return DecoderTraits.with(LayerWindows.ofSome())
        .norms(RowNorms.ROOT_MEAN_SQUARE.larger())
        .branchNorms(BranchNorms.start("input_layernorm", "pre_ff_layernorm"))
        .names(
            PartNames.of("self_attn.o_proj", MapNames.of("feed_forward."), "model.final_layernorm"))
        .multipliers(scales.multipliers(config))
        .states(StateLayers.beside(config, space(config, scales)))
        .build();
  }

  private static void refuseOthers(ModelConfig config) {
    config.allowOnly(false, "attention_bias", "mlp_bias", "mamba_proj_bias", "projectors_bias");
    config.allowOnly(true, "mamba_use_mlp");
  }

  private static StateSpaceTraits space(ModelConfig config, Scales scales) {
    boolean normed = config.flag("mamba_rms_norm", false);
    if (config.flag(BEFORE_GATE, true) && normed) {
      throw config.refuse(BEFORE_GATE, "false where mamba_rms_norm is true");
    }
    StateSpaceTraits space =
        StateSpaceTraits.read(
            config, config.count("hidden_size"), config.count("mamba_n_groups", 1));
    int inner = space.shape().inner();
    if (config.count(SPACE_WIDTH, inner) != inner) {
      throw config.refuse(SPACE_WIDTH, "mamba_n_heads times mamba_d_head, " + inner);
    }
    return space.with(scales.factors(), normed);
  }

  /**
   * What the configuration multiplies by. All of a layer's mixer begins with rows that are
   * multiplied as output gates of its state space are, so that the others are relative to these;
   * likewise a feed-forward layer's ups are multiplied as its gates are.
   *
   * @param attentionIn what attention begins with
   * @param attentionOut what it gives
   * @param keys its keys
   * @param spaceIn what a state space begins with
   * @param spaceOut what it gives
   * @param spaces of what that begins with the gates, values, keys, queries and time steps
   * @param feedForward a feed-forward layer's gates, and what it gives
   */
  private record Scales(
      double attentionIn,
      double attentionOut,
      double keys,
      double spaceIn,
      double spaceOut,
      List<Double> spaces,
      List<Double> feedForward) {
    static Scales read(ModelConfig config) {
      return new Scales(
          one("attention_in_multiplier", config),
          one("attention_out_multiplier", config),
          one("key_multiplier", config),
          one("ssm_in_multiplier", config),
          one("ssm_out_multiplier", config),
          some("ssm_multipliers", 5, config),
          some("mlp_multipliers", 2, config));
    }

    private static double one(String field, ModelConfig config) {
      return config.optionalPositive(field).orElse(1.0);
    }

    private static List<Double> some(String field, int count, ModelConfig config) {
      if (!config.has(field)) {
        return Collections.nCopies(count, 1.0);
      }
      List<Double> multipliers = config.positives(field);
      if (multipliers.size() != count) {
        throw config.refuse(field, count + " numbers above 0");
      }
      return multipliers;
    }

    private double gates() {
      return spaceIn * spaces.getFirst();
    }

    Multipliers multipliers(ModelConfig config) {
      int usual = config.count("hidden_size") / config.count("num_attention_heads");
      int headDim = config.count("head_dim", Math.max(1, usual));
      double attention = attentionIn / gates();
      double gate = feedForward.getFirst();
      Branches branches =
          new Branches(
              gates(), attention * attentionOut, spaceOut, gate, feedForward.getLast() / gate);
      return new Multipliers(
          one("embedding_multiplier", config),
          branches,
          Optional.of(attention * attention * keys / Math.sqrt(headDim)),
          one("lm_head_multiplier", config));
    }

    StateSpaceTraits.Factors factors() {
      double gates = spaces.getFirst();
      return new StateSpaceTraits.Factors(
          spaces.get(1) / gates,
          spaces.get(2) / gates,
          spaces.get(3) / gates,
          spaces.get(4) / gates);
    }
  }
}
