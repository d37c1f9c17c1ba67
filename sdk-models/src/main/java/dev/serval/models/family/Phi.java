package dev.serval.models.family;

import dev.serval.api.compute.UngatedFunction;
import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.BranchNorms;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.MapNames;
import dev.serval.models.decoder.traits.PartNames;
import dev.serval.models.decoder.traits.RotaryFrequencies.Turning;
import dev.serval.models.decoder.traits.RowNorms;
import java.util.Set;

/**
 * Phi-1, 1.5 and 2: attention and the feed-forward layer begin with the same norm, which is from
 * the mean; there are no gates, and biases everywhere; a part of a head is turned.
 */
public final class Phi extends DecoderFamily {
  private static final PartNames NAMES =
      PartNames.of(
          "self_attn.dense", MapNames.ungated("mlp.fc1", "mlp.fc2"), "model.final_layernorm");

  /** For the service loader. */
  public Phi() {
    super("phi", Set.of("PhiForCausalLM"), Set.of("phi"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    return DecoderTraits.with(LayerWindows.none(config))
        .biases(true, true, true)
        .headBias()
        .activation(UngatedFunction.GELU_TANH)
        .names(NAMES)
        .norms(RowNorms.centred(true, "layer_norm_eps"))
        .branchNorms(BranchNorms.ONE)
        .turning(Turning.HALF)
        .build();
  }
}
