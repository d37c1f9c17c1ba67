package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Fields;
import dev.serval.storage.gguf.architecture.Keys;
import dev.serval.storage.gguf.architecture.OwnNames;
import dev.serval.storage.gguf.architecture.Positions;
import dev.serval.storage.gguf.architecture.RoutedExperts;
import dev.serval.storage.gguf.architecture.StoredModel;
import java.util.List;
import java.util.Map;

/** Ling, whose second generation has one map of queries, keys and values. */
final class Ling {
  private static final Map<String, String> NAMES =
      Map.of("token_embd", "model.word_embeddings", "attn_output", "attention.dense");

  private static final Map<String, String> NAMES_OF_2 =
      Map.of(
          "attn_qkv", "attention.query_key_value",
          "attn_q_norm", "attention.query_layernorm",
          "attn_k_norm", "attention.key_layernorm",
          "exp_probs_b", "mlp.gate.expert_bias");

  static final List<Architecture> ALL =
      Description.all(
          ling("bailingmoe", "BailingMoeForCausalLM", "bailing_moe")
              .positions(Positions.NEIGHBOURS)
              .experts(OwnNames.EXPERTS, RoutedExperts::bySoftmax, Keys.DENSE_LAYERS)
              .own(Ling::apart),
          ling("bailingmoe2", "BailingMoeV2ForCausalLM", "bailing_moe_v2")
              .names(NAMES_OF_2)
              .experts(OwnNames.EXPERTS, RoutedExperts::bySigmoid, Keys.DENSE_LAYERS)
              .translates(Keys.DRAFT_LAYERS)
              .own(Ling::drafts));

  private Ling() {}

  private static Description ling(String key, String model, String modelType) {
    return Description.of(key, model, modelType)
        .otherwiseBiased()
        .names(OwnNames.SHARED_EXPERTS)
        .names(NAMES)
        .translates(RoutedExperts.KEYS);
  }

  private static void apart(StoredModel model, Fields fields) {
    fields.put("qkv_apart", true);
    fields.put("use_qkv_bias", model.weights().attentionBias());
  }

  private static void drafts(StoredModel model, Fields fields) {
    fields.put("use_qk_norm", model.weights().headNorms());
    fields.put("num_nextn_predict_layers", model.draftLayers());
  }
}
