package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.BranchNorms;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.RotaryFrequencies.Turning;
import dev.serval.models.decoder.traits.RowNorms;
import java.util.Set;

/**
 * StableLM (<a href="https://arxiv.org/abs/2402.17834">arXiv:2402.17834</a>): as Llama, but norms
 * are from the mean, a quarter of a head is turned, and attention and the feed-forward layer may
 * begin with the same.
 */
public final class StableLm extends DecoderFamily {
  /** For the service loader. */
  public StableLm() {
    super("stablelm", Set.of("StableLmForCausalLM"), Set.of("stablelm"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    boolean one = config.flag("use_parallel_residual", false);
    return DecoderTraits.with(LayerWindows.none(config))
        .biases(config.flag("use_qkv_bias", false), false, false)
        .norms(RowNorms.centred(true, "layer_norm_eps"))
        .branchNorms(one ? BranchNorms.ONE : BranchNorms.START)
        .turning(Turning.QUARTER)
        .build();
  }
}
