package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.HeadNorms;
import dev.serval.models.decoder.traits.LayerWindows;
import java.util.Set;

/**
 * Qwen3: each query and key head is normalised; biases are optional; the upper layers may have a
 * window.
 */
public final class Qwen3 extends DecoderFamily {
  /** For the service loader. */
  public Qwen3() {
    super("qwen3", Set.of("Qwen3ForCausalLM"), Set.of("qwen3"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    boolean bias = config.flag("attention_bias", false);
    return DecoderTraits.with(LayerWindows.aboveSome(config))
        .biases(bias, bias, false)
        .headNorms(HeadNorms.EACH)
        .build();
  }
}
