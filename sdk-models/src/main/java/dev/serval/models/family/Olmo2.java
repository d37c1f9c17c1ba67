package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.BranchNorms;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.HeadNorms;
import dev.serval.models.decoder.traits.LayerWindows;
import java.util.Set;

/**
 * OLMo 2 (<a href="https://arxiv.org/abs/2501.00656">arXiv:2501.00656</a>): what attention and the
 * feed-forward layer add is normalised, and what they begin with is not; queries and keys are, all
 * heads together.
 */
public final class Olmo2 extends DecoderFamily {
  /** For the service loader. */
  public Olmo2() {
    super("olmo2", Set.of("Olmo2ForCausalLM"), Set.of("olmo2"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    return common(LayerWindows.none(config), config).build();
  }

  /** What it has in common with its successor. */
  static DecoderTraits.Builder common(LayerWindows windows, ModelConfig config) {
    boolean bias = config.flag("attention_bias", false);
    return DecoderTraits.with(windows)
        .biases(bias, bias, false)
        .headNorms(HeadNorms.TOGETHER)
        .branchNorms(BranchNorms.END);
  }
}
