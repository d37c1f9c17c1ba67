package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.RowNorms;
import java.util.Set;

/**
 * Orion (<a href="https://arxiv.org/abs/2401.12246">arXiv:2401.12246</a>): as Llama, with norms
 * from the mean, whatever the field is called that says what they add.
 */
public final class Orion extends DecoderFamily {
  /** For the service loader. */
  public Orion() {
    super("orion", Set.of("OrionForCausalLM"), Set.of("orion"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    config.ignore("auto_map");
    config.ignore("max_sequence_length");
    return DecoderTraits.with(LayerWindows.none(config))
        .norms(RowNorms.centred(true, "rms_norm_eps"))
        .build();
  }
}
