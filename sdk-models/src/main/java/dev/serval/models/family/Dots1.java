package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.HeadNorms;
import dev.serval.models.decoder.traits.LayerWindows;
import java.util.Set;

/**
 * dots.llm1 (<a href="https://arxiv.org/abs/2506.05767">arXiv:2506.05767</a>): as Qwen3, with
 * experts as DeepSeek-V3 has them.
 */
public final class Dots1 extends DecoderFamily {
  /** For the service loader. */
  public Dots1() {
    super("dots1", Set.of("Dots1ForCausalLM"), Set.of("dots1"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    config.ignore("max_window_layers");
    boolean bias = config.flag("attention_bias", false);
    return DecoderTraits.with(LayerWindows.none(config))
        .biases(bias, bias, false)
        .headNorms(HeadNorms.EACH)
        .experts(SigmoidExperts.read(config))
        .build();
  }
}
