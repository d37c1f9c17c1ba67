package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.RotaryLayers;
import java.util.Set;

/**
 * SmolLM3: as Llama, but in every fourth layer, or those that are listed, positions turn nothing.
 */
public final class SmolLm3 extends DecoderFamily {
  /** For the service loader. */
  public SmolLm3() {
    super("smollm3", Set.of("SmolLM3ForCausalLM"), Set.of("smollm3"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    boolean attentionBias = config.flag("attention_bias", false);
    config.ignore("max_window_layers");
    return DecoderTraits.with(LayerWindows.none(config))
        .biases(attentionBias, attentionBias, config.flag("mlp_bias", false))
        .rotaryLayers(RotaryLayers.some(config))
        .build();
  }
}
