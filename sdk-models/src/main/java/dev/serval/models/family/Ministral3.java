package dev.serval.models.family;

import dev.serval.models.family.DecoderTraits.Norms;
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
  DecoderTraits traits(ModelConfig config) {
    return DecoderTraits.with(LayerWindows.everywhere(config))
        .norms(Norms.ROOT_MEAN_SQUARE.larger())
        .build();
  }
}
