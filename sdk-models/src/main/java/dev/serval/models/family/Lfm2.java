package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.BranchNorms;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.HeadNorms;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.MapNames;
import dev.serval.models.decoder.traits.PartNames;
import dev.serval.models.decoder.traits.RowNorms;
import dev.serval.models.decoder.traits.ShortConvolutionTraits;
import dev.serval.models.decoder.traits.StateLayers;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * LFM2 (<a href="https://arxiv.org/abs/2511.23404">arXiv:2511.23404</a>): most layers are short
 * convolutions between gates, the others attend, with norms of heads.
 */
public final class Lfm2 extends DecoderFamily {
  /** Layers that attend, if {@code layer_types} does not say. */
  private static final String ATTENDING = "full_attn_idxs";

  static final String ADJUSTED = "block_auto_adjust_ff_dim";
  private static final String WIDTH = "block_ff_dim";
  private static final int USUAL_MULTIPLE = 256;

  /** Of training, or said by other fields as well. */
  private static final List<String> OF_NO_USE =
      List.of(
          "block_dim",
          "block_mlp_init_scale",
          "block_norm_eps",
          "block_out_init_scale",
          "block_use_swiglu",
          "block_use_xavier_init",
          "conv_dim",
          "conv_dim_out",
          "conv_use_xavier_init",
          "num_heads",
          "use_pos_enc");

  /** For the service loader. */
  public Lfm2() {
    super("lfm2", Set.of("Lfm2ForCausalLM"), Set.of("lfm2"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    return common(config).width(width(config)).build();
  }

  /** What those with experts have in common with it. */
  static DecoderTraits.Builder common(ModelConfig config) {
    OF_NO_USE.forEach(config::ignore);
    config.allowOnly(false, "conv_bias");
    Optional<Double> theta = config.optionalPositive("theta");
    if (theta.isPresent() && !theta.equals(config.optionalPositive("rope_theta"))) {
      throw config.refuse("theta", "that of rope_theta");
    }
    int hidden = config.count("hidden_size");
    List<Integer> attending = config.wholes(ATTENDING).orElse(List.of());
    StateLayers states =
        StateLayers.read(
            config,
            "conv",
            LayerWindows.FULL,
            layer -> !attending.contains(layer),
            new ShortConvolutionTraits(hidden, config.count("conv_L_cache", 3)));
    return DecoderTraits.with(LayerWindows.ofSome())
        .headNorms(HeadNorms.EACH)
        .norms(new RowNorms(false, false, false, "norm_eps", 1e-5))
        .branchNorms(BranchNorms.start("operator_norm", "ffn_norm"))
        .names(
            PartNames.of(
                "self_attn.out_proj",
                MapNames.apart("feed_forward.w1", "feed_forward.w3", "feed_forward.w2"),
                "model.embedding_norm",
                "self_attn.q_layernorm",
                "self_attn.k_layernorm"))
        .tied(config.flag("tie_embedding", true))
        .states(states);
  }

  /**
   * Two thirds of what is said, as a multiple of some number, unless it is to be taken as it is.
   */
  private static int width(ModelConfig config) {
    int stated = config.width(config.has(WIDTH) ? WIDTH : "intermediate_size");
    int multiple = config.count("block_multiple_of", USUAL_MULTIPLE);
    double factor = config.optionalPositive("block_ffn_dim_multiplier").orElse(1.0);
    if (!config.flag(ADJUSTED, true)) {
      return stated;
    }
    double adjusted = Math.floor(factor * (int) (2L * stated / 3));
    return (int) (Math.ceil(adjusted / multiple) * multiple);
  }
}
