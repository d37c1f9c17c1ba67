package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.ExpertTraits;
import dev.serval.models.decoder.traits.HeadNorms;
import dev.serval.models.decoder.traits.LayerWindows;
import java.util.Set;

/**
 * OLMoE (<a href="https://arxiv.org/abs/2409.02060">arXiv:2409.02060</a>): experts in all
 * feed-forward layers; queries and keys are normalised, all heads together.
 */
public final class OlmoE extends DecoderFamily {
  /** For the service loader. */
  public OlmoE() {
    super("olmoe", Set.of("OlmoeForCausalLM"), Set.of("olmoe"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    if (config.optionalPositive("clip_qkv").isPresent()) {
      throw config.refuse("clip_qkv", "null or missing");
    }
    boolean bias = config.flag("attention_bias", false);
    boolean normalised = config.flag("norm_topk_prob", false);
    return DecoderTraits.with(LayerWindows.none(config))
        .biases(bias, bias, false)
        .headNorms(HeadNorms.TOGETHER)
        .experts(
            ExpertTraits.read(
                config, "num_experts", "intermediate_size", normalised, ExpertTraits.Names.USUAL))
        .build();
  }
}
