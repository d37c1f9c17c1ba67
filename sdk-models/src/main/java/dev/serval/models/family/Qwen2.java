package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import java.util.Set;

/** Qwen2 and Qwen2.5: queries, keys and values have biases; the upper layers may have a window. */
public final class Qwen2 extends DecoderFamily {
  /** For the service loader. */
  public Qwen2() {
    super("qwen2", Set.of("Qwen2ForCausalLM"), Set.of("qwen2"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    return DecoderTraits.with(LayerWindows.aboveSome(config)).biases(true, false, false).build();
  }
}
