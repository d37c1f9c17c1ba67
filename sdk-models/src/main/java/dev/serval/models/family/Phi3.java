package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.InputMaps;
import dev.serval.models.decoder.traits.LayerWindows;
import java.util.Set;

/**
 * Phi-3, Phi-3.5 and Phi-4, but for those of several experts or kinds of input: one map for
 * queries, keys and values, one for gates and ups; positions may turn a part of a head, and be
 * scaled.
 */
public final class Phi3 extends DecoderFamily {
  /** For the service loader. */
  public Phi3() {
    super("phi3", Set.of("Phi3ForCausalLM"), Set.of("phi3"));
  }

  /** The code that {@code auto_map} points to is this architecture's own. */
  @Override
  protected DecoderTraits traits(ModelConfig config) {
    config.ignore("auto_map");
    return DecoderTraits.with(LayerWindows.everywhere(config))
        .inputs(InputMaps.TOGETHER)
        .fusedGates()
        .build();
  }
}
