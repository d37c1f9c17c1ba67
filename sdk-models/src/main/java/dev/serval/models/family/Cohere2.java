package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.RotaryLayers;
import java.util.Set;

/**
 * Command R7B and Command A (<a href="https://arxiv.org/abs/2504.00698">arXiv:2504.00698</a>): as
 * Command R, but three of four layers have a window, and positions turn nothing in the others.
 */
public final class Cohere2 extends DecoderFamily {
  private static final String PERIOD = "sliding_window_pattern";
  private static final int USUAL_PERIOD = 4;

  /** For the service loader. */
  public Cohere2() {
    super("cohere2", Set.of("Cohere2ForCausalLM"), Set.of("cohere2"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    int period = config.count(PERIOD, USUAL_PERIOD);
    if (config.count("layer_switch", period) != period) {
      throw config.refuse("layer_switch", "that of %s, %d".formatted(PERIOD, period));
    }
    if (config.optionalPositive("rotary_pct").orElse(1.0) != 1) {
      throw config.refuse("rotary_pct", "1 or none");
    }
    config.choice("order_of_interleaved_layers", Set.of("local_attn_first"));
    config.choice("position_embedding_type", Set.of("rope_gptj"));
    config.allowOnly(
        true,
        "use_embedding_sharing",
        "use_gated_activation",
        "use_parallel_block",
        "use_parallel_embedding");
    LayerWindows windows = LayerWindows.butEvery(period, config);
    return Cohere.common(windows, config)
        .rotaryLayers(RotaryLayers.windowed(windows, config))
        .build();
  }
}
