package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.DeltaNetTraits.Inputs;
import dev.serval.models.decoder.traits.ExpertTraits.Names;
import java.util.Set;

/**
 * Qwen3-Next, which Qwen 3.5 is much like: what a gated delta network begins with are two maps, key
 * head by key head.
 */
public final class Qwen3Next extends DecoderFamily {
  /** For the service loader. */
  public Qwen3Next() {
    super("qwen3next", Set.of("Qwen3NextForCausalLM"), Set.of("qwen3_next"));
  }

  /** GGUF has one of both in the order in which it is needed. */
  @Override
  protected DecoderTraits traits(ModelConfig config) {
    boolean sorted = config.flag("linear_inputs_sorted", false);
    return Qwen35.common(config, sorted ? Inputs.SORTED : Inputs.TOGETHER)
        .experts(Qwen2Moe.experts(config, config.flag("norm_topk_prob", true), Names.USUAL))
        .build();
  }
}
