package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.InputMaps;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.MapNames;
import dev.serval.models.decoder.traits.OuterNames;
import dev.serval.models.decoder.traits.PartNames;
import dev.serval.models.decoder.traits.RowNorms;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Ling (<a href="https://arxiv.org/abs/2503.05139">arXiv:2503.05139</a>): as Llama, with experts by
 * the softmax of their scores and some that all rows go to.
 */
public final class BailingMoe extends DecoderFamily {
  static final PartNames NAMES =
      new PartNames(
          new OuterNames("model.word_embeddings", "model.layers.", "lm_head"),
          "attention.query_key_value",
          "attention.dense",
          MapNames.of("mlp."),
          "model.norm",
          "attention.query_layernorm",
          "attention.key_layernorm");

  /** Fields under the names that DeepSeek gave them. */
  static final Map<String, String> FIELDS =
      Map.of(
          SigmoidExperts.COUNT, "num_experts",
          SigmoidExperts.SHARED, "num_shared_experts",
          SigmoidExperts.SCORING, "score_function");

  private static final List<String> OF_TRAINING =
      List.of("auto_map", "embedding_dropout", "max_window_layers", "output_dropout");

  /** For the service loader. */
  public BailingMoe() {
    super("bailing_moe", Set.of("BailingMoeForCausalLM"), Set.of("bailing_moe"));
  }

  /** GGUF's converters cut the map of queries, keys and values in three. */
  @Override
  protected DecoderTraits traits(ModelConfig config) {
    boolean apart = config.flag("qkv_apart", false);
    return common(config)
        .inputs(apart ? InputMaps.APART : InputMaps.TOGETHER)
        .experts(SoftmaxExperts.read(config, true))
        .build();
  }

  /** What it has in common with its successor. */
  static DecoderTraits.Builder common(ModelConfig config) {
    config.rename(FIELDS);
    OF_TRAINING.forEach(config::ignore);
    config.allowOnly(false, "multi_gate", "norm_head", "norm_softmax");
    return DecoderTraits.with(LayerWindows.aboveSome(config))
        .biases(config.flag("use_qkv_bias", false), config.flag("use_bias", false), false)
        .inputs(InputMaps.TOGETHER)
        .names(NAMES)
        .norms(RowNorms.ROOT_MEAN_SQUARE.larger());
  }
}
