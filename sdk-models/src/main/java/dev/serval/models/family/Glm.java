package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.InputMaps;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.RotaryFrequencies.Turning;
import java.util.Set;

/**
 * GLM-4 of 2024 and GLM-Edge: gates and ups are one map, and so may be queries, keys and values;
 * positions turn neighbours in the first half of each head.
 */
public final class Glm extends DecoderFamily {
  /** For the service loader. */
  public Glm() {
    super("glm", Set.of("GlmForCausalLM"), Set.of("glm"));
  }

  /** GGUF's converters keep the map of queries, keys and values that older checkpoints have. */
  @Override
  protected DecoderTraits traits(ModelConfig config) {
    DecoderTraits.Builder traits =
        DecoderTraits.with(LayerWindows.none(config))
            .biases(config.flag("attention_bias", false), false, false)
            .fusedGates()
            .turning(Turning.NEIGHBOURS_OF_HALF);
    return (config.flag("qkv_together", false) ? traits.inputs(InputMaps.TOGETHER) : traits)
        .build();
  }
}
