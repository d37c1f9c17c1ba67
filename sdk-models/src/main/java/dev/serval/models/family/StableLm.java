package dev.serval.models.family;

import dev.serval.models.family.DecoderTraits.BranchNorms;
import dev.serval.models.family.DecoderTraits.Norms;
import dev.serval.models.family.RotaryFrequencies.Turning;
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
  DecoderTraits traits(ModelConfig config) {
    boolean one = config.flag("use_parallel_residual", false);
    return DecoderTraits.with(LayerWindows.none(config))
        .biases(config.flag("use_qkv_bias", false), false, false)
        .norms(Norms.centred(true, "layer_norm_eps"))
        .branchNorms(one ? BranchNorms.ONE : BranchNorms.START)
        .turning(Turning.QUARTER)
        .build();
  }
}
