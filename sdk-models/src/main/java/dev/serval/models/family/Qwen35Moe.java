package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.DeltaNetTraits.Inputs;
import dev.serval.models.decoder.traits.ExpertTraits.Names;
import java.util.Set;

/**
 * Qwen 3.5 with experts in all of its feed-forward layers, and one that all rows go to by a share
 * of its own.
 */
public final class Qwen35Moe extends DecoderFamily {
  private static final Names NAMES =
      new Names.Together("mlp.gate", "mlp.experts.gate_up_proj", "mlp.experts.down_proj");

  /** For the service loader. */
  public Qwen35Moe() {
    super("qwen3_5moe", Set.of("Qwen3_5MoeForCausalLM"), Set.of("qwen3_5_moe_text"));
  }

  /** GGUF has each expert's gates and ups by themselves. */
  @Override
  protected DecoderTraits traits(ModelConfig config) {
    Names names = config.flag("experts_apart", false) ? Names.USUAL : NAMES;
    return Qwen35.common(config, Inputs.APART)
        .experts(Qwen2Moe.experts(config, config.flag("norm_topk_prob", true), names))
        .build();
  }
}
