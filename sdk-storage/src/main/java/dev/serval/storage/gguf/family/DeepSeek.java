package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Fields;
import dev.serval.storage.gguf.architecture.Keys;
import dev.serval.storage.gguf.architecture.ModelMetadata;
import dev.serval.storage.gguf.architecture.OwnNames;
import dev.serval.storage.gguf.architecture.Positions;
import dev.serval.storage.gguf.architecture.RoutedExperts;
import dev.serval.storage.gguf.architecture.StoredModel;
import java.util.List;
import java.util.Map;

/** DeepSeek, and dots.llm1, which has its experts. */
final class DeepSeek {
  private static final String KEYS = "attention.key_length_mla";
  private static final String VALUES = "attention.value_length_mla";

  private static final Map<String, String> LATENT =
      Map.of(
          "attn_q_a", "self_attn.q_a_proj",
          "attn_q_a_norm", "self_attn.q_a_layernorm",
          "attn_q_b", "self_attn.q_b_proj",
          "attn_kv_a_mqa", "self_attn.kv_a_proj_with_mqa",
          "attn_kv_a_norm", "self_attn.kv_a_layernorm",
          "attn_kv_b", "self_attn.kv_b_proj",
          "attn_k_b", "self_attn.k_b_proj",
          "attn_v_b", "self_attn.v_b_proj");

  static final List<Architecture> ALL =
      Description.all(
          Description.of("deepseek", "DeepseekForCausalLM", "deepseek")
              .positions(Positions.NEIGHBOURS)
              .names(OwnNames.SHARED_EXPERTS)
              .experts(OwnNames.EXPERTS, RoutedExperts::bySoftmax, Keys.DENSE_LAYERS)
              .translates(RoutedExperts.KEYS),
          // DeepSeek-V2 where experts are by softmax; V3 and others of its kind otherwise.
          Description.of("deepseek2", "DeepseekV3ForCausalLM", "deepseek_v3")
              .positions(Positions.LATENT)
              .names(OwnNames.SHARED_EXPERTS)
              .names(LATENT)
              .experts(OwnNames.EXPERTS, DeepSeek::experts, Keys.DENSE_LAYERS)
              .translates(RoutedExperts.KEYS)
              .translates(Keys.DRAFT_LAYERS, Keys.YARN_SHARE)
              .own(DeepSeek::latentAttention),
          Description.of("dots1", "Dots1ForCausalLM", "dots1")
              .names(OwnNames.SHARED_EXPERTS)
              .experts(OwnNames.EXPERTS, RoutedExperts::bySigmoid, Keys.DENSE_LAYERS)
              .translates(RoutedExperts.KEYS));

  private DeepSeek() {}

  /** What has experts by softmax is of its second generation. */
  private static void experts(StoredModel model, Fields fields) {
    if (!model.experts().any()) {
      return;
    }
    if (model.experts().scoredOtherwise()) {
      RoutedExperts.bySigmoid(model, fields);
      return;
    }
    fields.called("DeepseekV2ForCausalLM", "deepseek_v2");
    RoutedExperts.withShared(model, fields);
    boolean grouped = RoutedExperts.groups(model) != 1;
    fields.put("topk_method", grouped ? "group_limited_greedy" : "greedy");
  }

  /**
   * The sizes of heads are those of what is kept, as all heads attend to it, and those of heads
   * themselves are under other names; in older files there are none of these.
   */
  private static void latentAttention(StoredModel model, Fields fields) {
    ModelMetadata metadata = model.metadata();
    String keys = metadata.has(KEYS) ? KEYS : Keys.KEY_LENGTH;
    String values = metadata.has(VALUES) ? VALUES : Keys.VALUE_LENGTH;
    long headDim = metadata.requirePositive(keys);
    long turned = metadata.requirePositive(Keys.TURNED);
    if (headDim <= turned) {
      throw metadata.problem(
          keys, "is %d; it must be more than turn, %d".formatted(headDim, turned));
    }
    fields.remove("num_key_value_heads");
    metadata
        .natural("attention.q_lora_rank")
        .filter(rank -> rank > 0)
        .ifPresent(rank -> fields.put("q_lora_rank", rank));
    fields.put("kv_lora_rank", metadata.requirePositive("attention.kv_lora_rank"));
    fields.put("qk_nope_head_dim", headDim - turned);
    fields.put("qk_rope_head_dim", turned);
    fields.put("v_head_dim", metadata.requirePositive(values));
    fields.put("kv_b_apart", model.weights().keysApart());
    fields.put("num_nextn_predict_layers", model.draftLayers());
  }
}
