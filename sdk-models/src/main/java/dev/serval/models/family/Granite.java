package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.Multipliers;
import java.util.Optional;
import java.util.Set;

/**
 * Granite 3 and 4 without experts or state spaces: as Llama, but embeddings, scores, what layers
 * add and logits are multiplied by numbers that the configuration gives.
 */
public final class Granite extends DecoderFamily {
  /** For the service loader. */
  public Granite() {
    super("granite", Set.of("GraniteForCausalLM"), Set.of("granite"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    return common(config, LayerWindows.none(config), config.flag("mlp_bias", false)).build();
  }

  /** What it has in common with those that have experts or state spaces. */
  static DecoderTraits.Builder common(ModelConfig config, LayerWindows windows, boolean mlpBias) {
    boolean attentionBias = config.flag("attention_bias", false);
    return DecoderTraits.with(windows)
        .biases(attentionBias, attentionBias, mlpBias)
        .multipliers(
            new Multipliers(
                orOne("embedding_multiplier", config),
                orOne("residual_multiplier", config),
                Optional.of(orOne("attention_multiplier", config)),
                1 / orOne("logits_scaling", config)));
  }

  private static double orOne(String field, ModelConfig config) {
    return config.optionalPositive(field).orElse(1.0);
  }
}
