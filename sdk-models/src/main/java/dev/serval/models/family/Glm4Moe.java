package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.HeadNorms;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.RotaryFrequencies.Turning;
import java.util.Set;

/**
 * GLM-4.5 to 4.7 (<a href="https://arxiv.org/abs/2508.06471">arXiv:2508.06471</a>): experts as
 * DeepSeek-V3 has them; positions turn half of each head; a layer that predicts further tokens is
 * left out.
 */
public final class Glm4Moe extends DecoderFamily {
  /** For the service loader. */
  public Glm4Moe() {
    super("glm4moe", Set.of("Glm4MoeForCausalLM"), Set.of("glm4_moe"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    boolean headNorms = config.flag("use_qk_norm", false);
    return DecoderTraits.with(LayerWindows.none(config))
        .biases(config.flag("attention_bias", false), false, false)
        .headNorms(headNorms ? HeadNorms.EACH : HeadNorms.NONE)
        .turning(Turning.HALF)
        .experts(SigmoidExperts.read(config))
        .draftLayers(config.atLeast("num_nextn_predict_layers", 0, 0))
        .build();
  }
}
