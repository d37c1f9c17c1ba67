package dev.serval.models.family;

import dev.serval.api.compute.UngatedFunction;
import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.RowNorms;
import java.util.Set;

/** Arcee's AFM: as Llama, but without gates in the feed-forward layer. */
public final class Arcee extends DecoderFamily {
  /** For the service loader. */
  public Arcee() {
    super("arcee", Set.of("ArceeForCausalLM"), Set.of("arcee"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    boolean bias = config.flag("attention_bias", false);
    return DecoderTraits.with(LayerWindows.none(config))
        .biases(bias, bias, config.flag("mlp_bias", false))
        .activation(UngatedFunction.RELU_SQUARED)
        .norms(RowNorms.ROOT_MEAN_SQUARE.larger())
        .build();
  }
}
