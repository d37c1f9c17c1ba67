package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.BranchNorms;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.Multipliers;
import dev.serval.models.decoder.traits.RotaryFrequencies.Turning;
import dev.serval.models.decoder.traits.RowNorms;
import java.util.Optional;
import java.util.Set;

/**
 * Command R and Aya: attention and the feed-forward layer begin with the same norm, which is from
 * the mean and has no bias; logits are multiplied; positions turn neighbours.
 */
public final class Cohere extends DecoderFamily {
  private static final double LOGIT_SCALE = 0.0625;

  /** For the service loader. */
  public Cohere() {
    super("cohere", Set.of("CohereForCausalLM"), Set.of("cohere"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    return common(LayerWindows.none(config), config).build();
  }

  /** What it has in common with that which has windows. */
  static DecoderTraits.Builder common(LayerWindows windows, ModelConfig config) {
    boolean bias = config.flag("attention_bias", false);
    double logits = config.optionalPositive("logit_scale").orElse(LOGIT_SCALE);
    return DecoderTraits.with(windows)
        .biases(bias, bias, false)
        .norms(RowNorms.centred(false, "layer_norm_eps"))
        .branchNorms(BranchNorms.ONE)
        .multipliers(new Multipliers(1, 1, Optional.empty(), logits))
        .turning(Turning.NEIGHBOURS)
        .tied();
  }
}
