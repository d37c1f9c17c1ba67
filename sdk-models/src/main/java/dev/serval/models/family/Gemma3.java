package dev.serval.models.family;

import dev.serval.models.family.DecoderTraits.BranchNorms;
import dev.serval.models.family.DecoderTraits.HeadNorms;
import java.util.Optional;
import java.util.Set;

/**
 * Gemma 3 for texts: most layers have a window and a rotary base of their own; attention and the
 * feed-forward layer end with a norm, too; embeddings are scaled, heads normalised.
 */
public final class Gemma3 extends DecoderFamily {
  private static final int PERIOD = 6;
  private static final double WINDOW_THETA = 10_000;

  /** For the service loader. */
  public Gemma3() {
    super("gemma3", Set.of("Gemma3ForCausalLM"), Set.of("gemma3_text"));
  }

  @Override
  DecoderTraits traits(ModelConfig config) {
    int period =
        config
            .optionalCount("sliding_window_pattern")
            .orElse(config.count("_sliding_window_pattern", PERIOD));
    double theta = windowTheta(config);
    return Gemma.common(LayerWindows.butEvery(period, config), config)
        .headNorms(HeadNorms.EACH)
        .branchNorms(BranchNorms.BOTH)
        .windowed(rotary -> rotary.unscaled(theta))
        .build();
  }

  /** In either spelling; positions of layers that have a window are never scaled. */
  private static double windowTheta(ModelConfig config) {
    Optional<Double> own = config.optionalPositive("rope_local_base_freq");
    Optional<ModelConfig> part =
        config.part(RotaryFrequencies.PARAMETERS).flatMap(all -> all.part(LayerWindows.SLIDING));
    Optional<Double> theta = part.flatMap(fields -> fields.optionalPositive("rope_theta"));
    part.ifPresent(fields -> {
      if (!(RotaryScaling.read(fields, config) instanceof RotaryScaling.Unscaled)) {
        throw fields.refuse(RotaryScaling.TYPE, "default alone");
      }
    });
    return theta.or(() -> own).orElse(WINDOW_THETA);
  }
}
