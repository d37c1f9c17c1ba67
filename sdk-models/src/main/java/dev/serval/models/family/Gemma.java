package dev.serval.models.family;

import dev.serval.api.compute.GateFunction;
import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.Multipliers;
import dev.serval.models.decoder.traits.RotaryFrequencies;
import dev.serval.models.decoder.traits.RowNorms;
import java.util.Optional;
import java.util.Set;

/** Gemma: gates of GELU, embeddings that are scaled, gains of norms that are stored less 1. */
public final class Gemma extends DecoderFamily {
  private static final double WINDOW_THETA = 10_000;

  /** For the service loader. */
  public Gemma() {
    super("gemma", Set.of("GemmaForCausalLM"), Set.of("gemma"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    return common(LayerWindows.none(config), config).build();
  }

  /** What all of them have in common. GGUF's converters store whole gains. */
  static DecoderTraits.Builder common(LayerWindows windows, ModelConfig config) {
    boolean bias = config.flag("attention_bias", false);
    return DecoderTraits.with(windows)
        .biases(bias, bias, false)
        .activation(GateFunction.GELU_TANH)
        .norms(RowNorms.ROOT_MEAN_SQUARE.lessOne(config.flag("norm_gains_less_one", true)))
        .multipliers(multipliers(config))
        .tied();
  }

  /** Embeddings by the root of the width, scores by one over the root of what may be given. */
  private static Multipliers multipliers(ModelConfig config) {
    return new Multipliers(
        Math.sqrt(config.count("hidden_size")),
        1,
        config.optionalPositive("query_pre_attn_scalar").map(divisor -> 1 / Math.sqrt(divisor)),
        1);
  }

  /** That of layers that have a window, in either spelling. */
  static double windowTheta(ModelConfig config) {
    Optional<Double> own = config.optionalPositive("rope_local_base_freq");
    return RotaryFrequencies.windowTheta(config).or(() -> own).orElse(WINDOW_THETA);
  }
}
