package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.ExpertTraits;
import dev.serval.models.decoder.traits.HeadNorms;
import dev.serval.models.decoder.traits.RotaryFrequencies.Turning;
import java.util.Set;

/**
 * Ling 2 and Ring 2 (<a href="https://arxiv.org/abs/2510.22115">arXiv:2510.22115</a>): as Ling,
 * with heads that are normalised, half of which positions turn, and experts as DeepSeek-V3 has
 * them; a layer that predicts further tokens is left out.
 */
public final class BailingMoe2 extends DecoderFamily {
  private static final String BIAS = "moe_router_enable_expert_bias";
  private static final String HEAD_NORMS = "use_qk_norm";
  private static final String SHARED_WIDTH = "moe_shared_expert_intermediate_size";
  private static final String TURNED = "rotary_dim";

  /** For the service loader. */
  public BailingMoe2() {
    super(
        "bailing_moe_v2",
        Set.of("BailingMoeV2ForCausalLM"),
        Set.of("bailing_moe_v2", "bailing_moe"));
  }

  /** What is ignored is of training, or what other fields say as well. */
  @Override
  protected DecoderTraits traits(ModelConfig config) {
    config.ignore("mtp_loss_scaling_factor");
    config.ignore("router_dtype");
    config.ignore(TURNED);
    boolean headNorms = config.flag(HEAD_NORMS, true);
    return BailingMoe.common(config)
        .headNorms(headNorms ? HeadNorms.EACH : HeadNorms.NONE)
        .turning(Turning.HALF)
        .experts(experts(config))
        .draftLayers(config.atLeast("num_nextn_predict_layers", 0, 0))
        .build();
  }

  private static ExpertTraits experts(ModelConfig config) {
    config.allowOnly(true, BIAS);
    ExpertTraits experts =
        SigmoidExperts.read(config, ExpertTraits.Names.USUAL, "mlp.gate.expert_bias");
    if (config.count(SHARED_WIDTH, experts.inner()) != experts.inner()) {
      throw config.refuse(SHARED_WIDTH, "moe_intermediate_size, " + experts.inner());
    }
    return experts;
  }
}
