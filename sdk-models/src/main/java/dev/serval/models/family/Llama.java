package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import java.util.Set;

/**
 * Llama 1 to 3 and all that use its architecture, such as SmolLM: biases are optional, positions
 * may be scaled.
 */
public final class Llama extends DecoderFamily {
  /** For the service loader. */
  public Llama() {
    super("llama", Set.of("LlamaForCausalLM"), Set.of("llama"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    boolean attentionBias = config.flag("attention_bias", false);
    return DecoderTraits.with(LayerWindows.none(config))
        .biases(attentionBias, attentionBias, config.flag("mlp_bias", false))
        .build();
  }
}
