package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LatentTraits;
import dev.serval.models.decoder.traits.RotaryFrequencies.Turning;
import java.util.Set;

/** MiniCPM 3: multiplied as MiniCPM is, with latent attention, of which positions turn halves. */
public final class MiniCpm3 extends DecoderFamily {
  private static final String VALUES = "v_head_dim";

  /** For the service loader. */
  public MiniCpm3() {
    super("minicpm3", Set.of("MiniCPM3ForCausalLM"), Set.of("minicpm3"));
  }

  /** A head's value has as many dimensions as a row has for it, unless that is said. */
  @Override
  protected DecoderTraits traits(ModelConfig config) {
    config.ignore("auto_map");
    int hidden = config.count("hidden_size");
    int heads = config.count("num_attention_heads");
    if (!config.has(VALUES) && hidden % heads != 0) {
      throw config.refuse(
          "hidden_size",
          "a multiple of num_attention_heads, " + heads + ", or v_head_dim is given");
    }
    config.usual(VALUES, hidden / heads);
    return LatentTraits.attention(config)
        .turning(Turning.HALVES)
        .multipliers(MiniCpm.multipliers(config))
        .tied()
        .build();
  }
}
