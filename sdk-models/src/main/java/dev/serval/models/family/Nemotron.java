package dev.serval.models.family;

import dev.serval.api.compute.UngatedFunction;
import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.RotaryFrequencies.Turning;
import dev.serval.models.decoder.traits.RowNorms;
import java.util.Set;

/**
 * Nemotron 4 and Minitron (<a href="https://arxiv.org/abs/2407.14679">arXiv:2407.14679</a>): norms
 * from the mean, whose gains are stored less 1; no gates in the feed-forward layer; half of a head
 * is turned.
 */
public final class Nemotron extends DecoderFamily {
  /** For the service loader. */
  public Nemotron() {
    super("nemotron", Set.of("NemotronForCausalLM"), Set.of("nemotron"));
  }

  /** GGUF's converters store whole gains. */
  @Override
  protected DecoderTraits traits(ModelConfig config) {
    boolean bias = config.flag("attention_bias", false);
    return DecoderTraits.with(LayerWindows.none(config))
        .biases(bias, bias, config.flag("mlp_bias", false))
        .activation(UngatedFunction.RELU_SQUARED)
        .norms(RowNorms.centred(true, "norm_eps").lessOne(config.flag("norm_gains_less_one", true)))
        .turning(Turning.HALF)
        .build();
  }
}
