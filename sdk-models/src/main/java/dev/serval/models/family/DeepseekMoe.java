package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.ExpertTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import java.util.Set;

/**
 * DeepSeekMoE (<a href="https://arxiv.org/abs/2401.06066">arXiv:2401.06066</a>): as Llama, with
 * experts by the softmax of their scores, some that all rows go to, and dense layers below.
 */
public final class DeepseekMoe extends DecoderFamily {
  /** For the service loader. */
  public DeepseekMoe() {
    super("deepseek", Set.of("DeepseekForCausalLM"), Set.of("deepseek"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    config.ignore("auto_map");
    boolean bias = config.flag("attention_bias", false);
    return DecoderTraits.with(LayerWindows.none(config))
        .biases(bias, bias, false)
        .experts(experts(config))
        .build();
  }

  private static ExpertTraits experts(ModelConfig config) {
    config.choice(SigmoidExperts.SCORING, Set.of("softmax"));
    boolean normalised = config.flag("norm_topk_prob", false);
    return ExpertTraits.read(
            config,
            SigmoidExperts.COUNT,
            "moe_intermediate_size",
            normalised,
            ExpertTraits.Names.USUAL)
        .multiplied(config.optionalPositive("routed_scaling_factor").orElse(1.0))
        .shared(config, SigmoidExperts.SHARED)
        .above(config, SigmoidExperts.DENSE, 0);
  }
}
