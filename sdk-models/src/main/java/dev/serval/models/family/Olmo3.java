package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import java.util.Set;

/**
 * OLMo 3: as OLMo 2, but three of four layers have a window, and positions are not scaled in those.
 */
public final class Olmo3 extends DecoderFamily {
  private static final int PERIOD = 4;

  /** For the service loader. */
  public Olmo3() {
    super("olmo3", Set.of("Olmo3ForCausalLM"), Set.of("olmo3"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    return Olmo2.common(LayerWindows.butEvery(PERIOD, config), config)
        .windowed(rotary -> rotary.unscaled(rotary.theta()))
        .build();
  }
}
