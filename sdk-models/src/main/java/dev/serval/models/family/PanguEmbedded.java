package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import java.util.Set;

/**
 * openPangu Embedded (<a href="https://arxiv.org/abs/2505.22375">arXiv:2505.22375</a>): as Llama,
 * with biases in attention.
 */
public final class PanguEmbedded extends DecoderFamily {
  /** For the service loader. */
  public PanguEmbedded() {
    super("pangu_embedded", Set.of("PanguEmbeddedForCausalLM"), Set.of("PanguEmbedded"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    config.ignore("auto_map");
    boolean bias = config.flag("bias", true);
    return DecoderTraits.with(LayerWindows.none(config)).biases(bias, bias, false).build();
  }
}
