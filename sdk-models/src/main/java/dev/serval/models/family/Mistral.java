package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import java.util.Set;

/**
 * Mistral 7B and its like: no biases; all layers may have a sliding window, and have none by
 * default.
 */
public final class Mistral extends DecoderFamily {
  /** For the service loader. */
  public Mistral() {
    super("mistral", Set.of("MistralForCausalLM"), Set.of("mistral"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    return DecoderTraits.with(LayerWindows.everywhere(config)).build();
  }
}
