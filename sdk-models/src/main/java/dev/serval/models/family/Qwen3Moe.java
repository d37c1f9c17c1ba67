package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.ExpertTraits;
import dev.serval.models.decoder.traits.HeadNorms;
import dev.serval.models.decoder.traits.LayerWindows;
import java.util.Set;

/** Qwen3 with experts in all of its feed-forward layers. */
public final class Qwen3Moe extends DecoderFamily {
  /** For the service loader. */
  public Qwen3Moe() {
    super("qwen3moe", Set.of("Qwen3MoeForCausalLM"), Set.of("qwen3_moe"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    boolean bias = config.flag("attention_bias", false);
    boolean normalised = config.flag("norm_topk_prob", false);
    return DecoderTraits.with(LayerWindows.aboveSome(config))
        .biases(bias, bias, false)
        .headNorms(HeadNorms.EACH)
        .experts(
            ExpertTraits.read(
                config,
                "num_experts",
                "moe_intermediate_size",
                normalised,
                ExpertTraits.Names.USUAL))
        .build();
  }
}
