package dev.serval.models.family;

import dev.serval.api.compute.RouterSpec.Scoring;
import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.ExpertTraits;
import dev.serval.models.decoder.traits.HeadNorms;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.RotaryFrequencies.Turning;
import java.util.List;
import java.util.Set;

/**
 * MiniMax-M2 (<a href="https://huggingface.co/MiniMaxAI/MiniMax-M2">its configuration</a>): experts
 * under Mixtral's names, scored as DeepSeek-V3's are; queries and keys are normalised, all heads
 * together; positions turn {@code rotary_dim} elements of a head.
 */
public final class MiniMaxM2 extends DecoderFamily {
  /** Of layers that predict further tokens, of models that came before, and where its code is. */
  private static final List<String> OF_NO_USE =
      List.of(
          "auto_map",
          "use_mtp",
          "num_mtp_modules",
          "mtp_transformer_layers",
          "mlp_intermediate_size",
          "shared_moe_mode",
          "layernorm_full_attention_beta",
          "layernorm_linear_attention_beta",
          "layernorm_mlp_beta");

  /** For the service loader. */
  public MiniMaxM2() {
    super("minimax_m2", Set.of("MiniMaxM2ForCausalLM"), Set.of("minimax_m2"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    OF_NO_USE.forEach(config::ignore);
    refuseOthers(config);
    return DecoderTraits.with(LayerWindows.none(config))
        .headNorms(HeadNorms.TOGETHER)
        .turning(turning(config))
        .experts(
            ExpertTraits.read(config, "num_local_experts", "intermediate_size", true, Mixtral.NAMES)
                .scored(Scoring.SIGMOID, "block_sparse_moe.e_score_correction_bias", 1))
        .build();
  }

  private static void refuseOthers(ModelConfig config) {
    config.choice("scoring_func", Set.of("sigmoid"));
    config.choice("qk_norm_type", Set.of("per_layer"));
    config.allowOnly(true, "use_qk_norm", "use_routing_bias");
    if (config.atLeast("shared_intermediate_size", 0, 0) != 0) {
      throw config.refuse("shared_intermediate_size", "0 or missing");
    }
    String kinds = "attn_type_list";
    if (config.has(kinds) && config.positives(kinds).stream().anyMatch(kind -> kind != 1)) {
      throw config.refuse(kinds, "1 for each layer, which is attention to all positions");
    }
  }

  private static Turning turning(ModelConfig config) {
    if (!config.has("rotary_dim")) {
      return Turning.HALVES;
    }
    int dimensions = config.count("rotary_dim");
    int head = config.count("head_dim");
    if (dimensions > head || dimensions % 2 != 0) {
      throw config.refuse("rotary_dim", "an even number up to head_dim, " + head);
    }
    return new Turning((double) dimensions / head, false);
  }
}
