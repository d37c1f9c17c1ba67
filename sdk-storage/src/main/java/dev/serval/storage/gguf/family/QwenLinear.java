package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Fields;
import dev.serval.storage.gguf.architecture.Keys;
import dev.serval.storage.gguf.architecture.ModelMetadata;
import dev.serval.storage.gguf.architecture.OwnNames;
import dev.serval.storage.gguf.architecture.StateSizes;
import dev.serval.storage.gguf.architecture.StoredModel;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;

/** Qwen3-Next and Qwen 3.5, most of whose layers have linear attention. */
final class QwenLinear {
  private static final String LINEAR = "linear_attention";
  private static final String FULL = "full_attention";
  private static final String LINEAR_LAYERS = "attention.recurrent_layers";
  private static final String PERIOD = "full_attention_interval";
  private static final long USUAL_PERIOD = 4;

  /** Of layers of linear attention, whose gates of outputs are a map of their own. */
  private static final Map<String, String> NAMES =
      Map.of(
          "attn_qkv", "linear_attn.in_proj_qkv",
          "attn_gate", "linear_attn.in_proj_z",
          "ssm_conv1d", "linear_attn.conv1d",
          "ssm_a", "linear_attn.A_log",
          "ssm_dt", "linear_attn.dt_bias",
          "ssm_norm", "linear_attn.norm",
          "ssm_out", "linear_attn.out_proj");

  private static final Map<String, String> APART =
      Map.of("ssm_alpha", "linear_attn.in_proj_a", "ssm_beta", "linear_attn.in_proj_b");

  private static final Map<String, String> TOGETHER = Map.of("ssm_ba", "linear_attn.in_proj_ba");

  static final List<Architecture> ALL =
      Description.all(
          linear("qwen3next", "Qwen3NextForCausalLM", "qwen3_next")
              .names(Qwen.SHARED_EXPERT)
              .names(TOGETHER)
              .width(QwenLinear::width)
              .experts(OwnNames.EXPERTS, QwenLinear::experts, Keys.SHARED_WIDTH)
              .own(QwenLinear::sorted),
          linear("qwen35", "Qwen3_5ForCausalLM", "qwen3_5_text")
              .names(APART)
              .positionsOfSeveralKinds()
              .own(QwenLinear::tiled),
          linear("qwen35moe", "Qwen3_5MoeForCausalLM", "qwen3_5_moe_text")
              .names(Qwen.SHARED_EXPERT)
              .names(APART)
              .positionsOfSeveralKinds()
              .width(QwenLinear::width)
              .experts(OwnNames.EXPERTS, QwenLinear::expertsApart, Keys.SHARED_WIDTH)
              .own(QwenLinear::tiled));

  private QwenLinear() {}

  private static Description linear(String key, String model, String modelType) {
    return Description.of(key, model, modelType)
        .names(OwnNames.POST_ATTENTION)
        .names(NAMES)
        .translates(Keys.DRAFT_LAYERS);
  }

  /** Each layer has experts, and a file may say how wide those are alone. */
  private static long width(StoredModel model) {
    return model.metadata().has(Keys.WIDTH) ? model.width() : model.experts().width();
  }

  private static void experts(StoredModel model, Fields fields) {
    Qwen.experts3(model, fields);
    fields.put("shared_expert_intermediate_size", model.experts().sharedWidth());
  }

  private static void expertsApart(StoredModel model, Fields fields) {
    experts(model, fields);
    fields.put("experts_apart", true);
  }

  /**
   * The first value head of each key head comes before the second of any: queries, keys and values
   * are sorted by these, strengths and decays are not.
   */
  private static void sorted(StoredModel model, Fields fields) {
    attention(model, fields);
    fields.put("linear_value_heads_tiled", false);
    fields.put("linear_inputs_sorted", true);
  }

  private static void tiled(StoredModel model, Fields fields) {
    attention(model, fields);
    fields.put("linear_value_heads_tiled", true);
  }

  /**
   * Its converters add 1 to the gains of norms, but for those of linear attention, and store what a
   * state decays by, and not the logarithm.
   */
  private static void attention(StoredModel model, Fields fields) {
    fields.put("norm_gains_less_one", false);
    fields.put("mtp_num_hidden_layers", model.draftLayers());
    StateSizes sizes = StateSizes.read(model.metadata());
    fields.put("layer_types", layerTypes(model));
    fields.put("linear_conv_kernel_dim", sizes.taps());
    fields.put("linear_key_head_dim", sizes.rows());
    fields.put("linear_num_key_heads", sizes.groups());
    fields.put("linear_num_value_heads", sizes.heads());
    fields.put("linear_value_head_dim", sizes.columns());
    fields.put("linear_decay_logarithms", false);
  }

  /** Each is said, or one in so many is full. */
  private static List<String> layerTypes(StoredModel model) {
    long layers = model.layers();
    return model.metadata().has(LINEAR_LAYERS)
        ? listed(model, layers)
        : periodic(model.metadata(), layers);
  }

  /** Those that predict further tokens are listed, too. */
  private static List<String> listed(StoredModel model, long layers) {
    return model.metadata().flags(LINEAR_LAYERS, model.storedLayers()).stream()
        .limit(layers)
        .map(linear -> linear ? LINEAR : FULL)
        .toList();
  }

  private static List<String> periodic(ModelMetadata metadata, long layers) {
    long period = metadata.has(PERIOD) ? metadata.requirePositive(PERIOD) : USUAL_PERIOD;
    return LongStream.rangeClosed(1, layers)
        .mapToObj(layer -> layer % period == 0 ? FULL : LINEAR)
        .toList();
  }
}
