package dev.serval.models.family;

import dev.serval.api.compute.UngatedFunction;
import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.MapNames;
import dev.serval.models.decoder.traits.PartNames;
import dev.serval.models.decoder.traits.RowNorms;
import java.util.List;
import java.util.Set;

/**
 * StarCoder 2 (<a href="https://arxiv.org/abs/2402.19173">arXiv:2402.19173</a>): norms from the
 * mean, a feed-forward layer without gates, biases everywhere; all layers may have a window.
 */
public final class StarCoder2 extends DecoderFamily {
  private static final PartNames NAMES =
      PartNames.USUAL.with(MapNames.ungated("mlp.c_fc", "mlp.c_proj"));

  private static final List<String> IGNORED =
      List.of(
          "layer_norm_epsilon",
          "activation_function",
          "attention_softmax_in_fp32",
          "scale_attention_softmax_in_fp32",
          "scale_attn_weights",
          "residual_dropout",
          "embedding_dropout");

  /** For the service loader. */
  public StarCoder2() {
    super("starcoder2", Set.of("Starcoder2ForCausalLM"), Set.of("starcoder2"));
  }

  /** What is ignored says the same in other words, or how attention is computed. */
  @Override
  protected DecoderTraits traits(ModelConfig config) {
    config.choice("norm_type", Set.of("layer_norm"));
    config.choice("mlp_type", Set.of("default"));
    IGNORED.forEach(config::ignore);
    boolean bias = config.flag("use_bias", true);
    return DecoderTraits.with(LayerWindows.everywhere(config))
        .biases(bias, bias, bias)
        .activation(UngatedFunction.GELU_TANH)
        .names(NAMES)
        .norms(RowNorms.centred(true, "norm_epsilon"))
        .tied()
        .build();
  }
}
