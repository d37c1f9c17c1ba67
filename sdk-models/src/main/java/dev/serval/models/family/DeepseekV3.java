package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LatentTraits;
import java.util.Set;

/**
 * DeepSeek-V3 and R1 (<a href="https://arxiv.org/abs/2412.19437">arXiv:2412.19437</a>), and others
 * built as they are: latent attention; experts by the logistic function, in groups; layers that
 * predict further tokens are left out.
 */
public final class DeepseekV3 extends DecoderFamily {
  /** For the service loader. */
  public DeepseekV3() {
    super("deepseek_v3", Set.of("DeepseekV3ForCausalLM"), Set.of("deepseek_v3"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    return common(config).build();
  }

  /** What others of its kind have in common with it. */
  static DecoderTraits.Builder common(ModelConfig config) {
    DecoderTraits.Builder traits =
        LatentTraits.attention(config)
            .draftLayers(config.atLeast("num_nextn_predict_layers", 0, 0));
    return config.has(SigmoidExperts.COUNT) ? traits.experts(SigmoidExperts.read(config)) : traits;
  }
}
