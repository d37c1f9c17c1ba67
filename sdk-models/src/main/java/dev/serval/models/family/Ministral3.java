package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.RowNorms;
import java.util.Set;

/**
 * Ministral 3, and the texts of Mistral Small 3 where they are told apart from images: as Mistral,
 * but queries may grow with their positions.
 */
public final class Ministral3 extends DecoderFamily {
  /** For the service loader. */
  public Ministral3() {
    super("ministral3", Set.of("Ministral3ForCausalLM"), Set.of("ministral3"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    return DecoderTraits.with(LayerWindows.everywhere(config))
        .norms(RowNorms.ROOT_MEAN_SQUARE.larger())
        .build();
  }
}
