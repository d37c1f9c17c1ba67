package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
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
        .experts(SoftmaxExperts.read(config, false))
        .build();
  }
}
