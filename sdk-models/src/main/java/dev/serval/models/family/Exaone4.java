package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.BranchNorms;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.HeadNorms;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.RotaryLayers;
import java.util.Set;

/**
 * EXAONE 4 (<a href="https://arxiv.org/abs/2507.11407">arXiv:2507.11407</a>): what attention and
 * the feed-forward layer add is normalised, and what they begin with is not; so is each query and
 * key head. Where some layers have a window, positions turn nothing in the others.
 */
public final class Exaone4 extends DecoderFamily {
  private static final String PATTERN = "sliding_window_pattern";
  private static final int PERIOD = 4;

  /** For the service loader. */
  public Exaone4() {
    super("exaone4", Set.of("Exaone4ForCausalLM"), Set.of("exaone4"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    LayerWindows windows = windows(config);
    return DecoderTraits.with(windows)
        .headNorms(HeadNorms.EACH)
        .branchNorms(BranchNorms.END)
        .rotaryLayers(RotaryLayers.windowed(windows, config))
        .build();
  }

  /** Three of four layers have one, if there is one; the pattern may be a number as well. */
  static LayerWindows windows(ModelConfig config) {
    if (config.isText(PATTERN)) {
      config.choice(PATTERN, Set.of("LLLG"));
    } else if (config.count(PATTERN, PERIOD) != PERIOD) {
      throw config.refuse(PATTERN, PERIOD + " or \"LLLG\"");
    }
    return LayerWindows.butEveryIfAny(PERIOD, config);
  }
}
