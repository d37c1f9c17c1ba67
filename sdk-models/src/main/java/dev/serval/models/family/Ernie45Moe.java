package dev.serval.models.family;

import dev.serval.api.compute.RouterSpec.Scoring;
import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.ExpertTraits;
import java.util.List;
import java.util.Set;

/**
 * ERNIE 4.5 of several experts for texts: those with a selection bias, others that all rows go to,
 * and dense layers below.
 */
public final class Ernie45Moe extends DecoderFamily {
  private static final String SELECTION_BIAS = "mlp.moe_statics.e_score_correction_bias";

  private static final List<String> TRAINING =
      List.of("moe_capacity", "moe_use_aux_free", "moe_norm_min");

  /** For the service loader. */
  public Ernie45Moe() {
    super("ernie4_5moe", Set.of("Ernie4_5_MoeForCausalLM"), Set.of("ernie4_5_moe"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    config.choice("moe_gate", Set.of("topk"));
    TRAINING.forEach(config::ignore);
    int last = config.count("num_hidden_layers") - 1;
    int end = config.atLeast("moe_layer_end_index", -1, last);
    if (end != -1 && end < last) {
      throw config.refuse("moe_layer_end_index", "-1 or that of the last layer, " + last);
    }
    return Ernie45.common(config)
        .experts(
            ExpertTraits.read(
                    config,
                    "moe_num_experts",
                    "moe_k",
                    "moe_intermediate_size",
                    true,
                    ExpertTraits.Names.USUAL)
                .scored(Scoring.SOFTMAX, SELECTION_BIAS, 1)
                .shared(config, "moe_num_shared_experts")
                .above(config, "moe_layer_start_index", 1))
        .draftLayers(config.atLeast("num_nextn_predict_layers", 0, 0))
        .build();
  }
}
