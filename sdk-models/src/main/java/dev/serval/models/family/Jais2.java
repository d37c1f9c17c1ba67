package dev.serval.models.family;

import dev.serval.api.compute.UngatedFunction;
import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.MapNames;
import dev.serval.models.decoder.traits.PartNames;
import dev.serval.models.decoder.traits.RowNorms;
import java.util.Set;

/** Jais 2: norms from the mean, no gates in the feed-forward layer, and biases everywhere. */
public final class Jais2 extends DecoderFamily {
  /** For the service loader. */
  public Jais2() {
    super("jais2", Set.of("Jais2ForCausalLM"), Set.of("jais2"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    boolean attention = config.flag("attention_bias", true);
    return DecoderTraits.with(LayerWindows.none(config))
        .biases(attention, attention, config.flag("mlp_bias", true))
        .activation(UngatedFunction.RELU_SQUARED)
        .names(PartNames.USUAL.with(MapNames.ungated("mlp.up_proj", "mlp.down_proj")))
        .norms(RowNorms.centred(true, "layer_norm_eps"))
        .build();
  }
}
