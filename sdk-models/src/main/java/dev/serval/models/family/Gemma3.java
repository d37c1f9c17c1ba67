package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.BranchNorms;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.HeadNorms;
import dev.serval.models.decoder.traits.LayerWindows;
import java.util.Set;

/**
 * Gemma 3 for texts: most layers have a window and a rotary base of their own; attention and the
 * feed-forward layer end with a norm, too; embeddings are scaled, heads normalised.
 */
public final class Gemma3 extends DecoderFamily {
  private static final int PERIOD = 6;

  /** For the service loader. */
  public Gemma3() {
    super("gemma3", Set.of("Gemma3ForCausalLM"), Set.of("gemma3_text"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    int period =
        config
            .optionalCount("sliding_window_pattern")
            .orElse(config.count("_sliding_window_pattern", PERIOD));
    double theta = Gemma.windowTheta(config);
    return Gemma.common(LayerWindows.butEvery(period, config), config)
        .headNorms(HeadNorms.EACH)
        .branchNorms(BranchNorms.BOTH)
        .windowed(rotary -> rotary.unscaled(theta))
        .build();
  }
}
