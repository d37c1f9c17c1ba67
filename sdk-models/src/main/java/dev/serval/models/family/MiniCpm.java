package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.Multipliers;
import java.util.Optional;
import java.util.Set;

/**
 * MiniCPM 1, 2 and 4, but for those with sparse attention (<a
 * href="https://arxiv.org/abs/2404.06395">arXiv:2404.06395</a>): as Llama, with embeddings, what
 * layers add and logits multiplied.
 */
public final class MiniCpm extends DecoderFamily {
  /** For the service loader. */
  public MiniCpm() {
    super("minicpm", Set.of("MiniCPMForCausalLM"), Set.of("minicpm"));
  }

  /** The code that {@code auto_map} points to is this architecture's own. */
  @Override
  protected DecoderTraits traits(ModelConfig config) {
    config.ignore("auto_map");
    boolean bias = config.flag("attention_bias", false);
    return DecoderTraits.with(LayerWindows.none(config))
        .biases(bias, bias, false)
        .multipliers(multipliers(config))
        .tied()
        .build();
  }

  /** What is multiplied in its successor, too. */
  static Multipliers multipliers(ModelConfig config) {
    double layers = config.count("num_hidden_layers");
    double branches = config.positive("scale_depth") / Math.sqrt(layers);
    double logits = config.positive("dim_model_base") / config.count("hidden_size");
    return new Multipliers(config.positive("scale_emb"), branches, Optional.empty(), logits);
  }
}
