package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.BranchNorms;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.RotaryFrequencies.Turning;
import java.util.Set;

/**
 * GLM-4 of 2025, dense: norms at the start of attention and the feed-forward layer and of what they
 * add; positions turn neighbours in the first half of each head; gates and ups are one map.
 */
public final class Glm4 extends DecoderFamily {
  /** For the service loader. */
  public Glm4() {
    super("glm4", Set.of("Glm4ForCausalLM"), Set.of("glm4"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    return DecoderTraits.with(LayerWindows.none(config))
        .biases(config.flag("attention_bias", false), false, false)
        .fusedGates()
        .branchNorms(BranchNorms.BOTH_OF_GLM)
        .turning(Turning.NEIGHBOURS_OF_HALF)
        .build();
  }
}
