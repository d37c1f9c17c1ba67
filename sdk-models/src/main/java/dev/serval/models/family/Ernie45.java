package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.RotaryFrequencies.Turning;
import java.util.Set;

/** ERNIE 4.5, dense: as Llama, but positions turn neighbours. */
public final class Ernie45 extends DecoderFamily {
  /** For the service loader. */
  public Ernie45() {
    super("ernie4_5", Set.of("Ernie4_5ForCausalLM"), Set.of("ernie4_5"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    return common(config).build();
  }

  /** What it has in common with that of several experts. */
  static DecoderTraits.Builder common(ModelConfig config) {
    boolean bias = config.flag("use_bias", false);
    return DecoderTraits.with(LayerWindows.none(config))
        .biases(bias, bias, bias)
        .tied()
        .turning(Turning.NEIGHBOURS);
  }
}
