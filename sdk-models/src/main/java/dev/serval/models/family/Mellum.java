package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.ExpertTraits;
import dev.serval.models.decoder.traits.HeadNorms;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.RotaryFrequencies;
import java.util.Set;

/**
 * Mellum 2: as Qwen3 with experts; some layers have a window, and positions are not scaled in
 * those.
 */
public final class Mellum extends DecoderFamily {
  /** For the service loader. */
  public Mellum() {
    super("mellum", Set.of("MellumForCausalLM"), Set.of("mellum"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    boolean bias = config.flag("attention_bias", false);
    return DecoderTraits.with(LayerWindows.typed(config))
        .biases(bias, bias, false)
        .headNorms(HeadNorms.EACH)
        .windowed(
            rotary -> rotary.unscaled(RotaryFrequencies.windowTheta(config).orElse(rotary.theta())))
        .experts(experts(config))
        .build();
  }

  private static ExpertTraits experts(ModelConfig config) {
    boolean normalised = config.flag("norm_topk_prob", true);
    return ExpertTraits.read(
            config, "num_experts", "moe_intermediate_size", normalised, ExpertTraits.Names.USUAL)
        .sparse(config);
  }
}
