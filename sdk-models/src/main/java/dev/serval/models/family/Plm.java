package dev.serval.models.family;

import dev.serval.api.compute.UngatedFunction;
import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LatentTraits;
import dev.serval.models.decoder.traits.MapNames;
import dev.serval.models.decoder.traits.PartNames;
import java.util.Set;

/**
 * PLM (<a href="https://arxiv.org/abs/2503.12167">arXiv:2503.12167</a>): latent attention, and no
 * gates in the feed-forward layer.
 */
public final class Plm extends DecoderFamily {
  /** For the service loader. */
  public Plm() {
    super("plm", Set.of("PLMForCausalLM"), Set.of("plm"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    return LatentTraits.attention(config)
        .activation(UngatedFunction.RELU_SQUARED)
        .names(PartNames.USUAL.with(MapNames.ungated("mlp.up_proj", "mlp.down_proj")))
        .tied()
        .build();
  }
}
