package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import java.util.Set;

/** Seed-OSS: as Llama, but queries, keys and values have biases and attention's output has none. */
public final class SeedOss extends DecoderFamily {
  /** For the service loader. */
  public SeedOss() {
    super("seedoss", Set.of("SeedOssForCausalLM"), Set.of("seed_oss"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    return DecoderTraits.with(LayerWindows.none(config))
        .biases(
            config.flag("attention_bias", true),
            config.flag("attention_out_bias", false),
            config.flag("mlp_bias", false))
        .build();
  }
}
