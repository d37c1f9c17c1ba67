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

/** GLM-4 of 2024, of 2025, and with experts. */
final class Glm {
  private static final Map<String, String> GLM4 =
      Map.of(
          "post_attention_norm", "post_self_attn_layernorm",
          "ffn_up", "mlp.gate_up_proj",
          "post_ffw_norm", "post_mlp_layernorm");

  static final List<Architecture> ALL =
      Description.all(
          Description.of("chatglm", "GlmForCausalLM", "glm")
              .positions(Positions.NEIGHBOURS)
              .names(OwnNames.JOINED)
              .own((model, fields) -> fields.put("qkv_together", model.weights().inputsTogether())),
          Description.of("glm4", "Glm4ForCausalLM", "glm4")
              .positions(Positions.NEIGHBOURS)
              .names(GLM4),
          Description.of("glm4moe", "Glm4MoeForCausalLM", "glm4_moe")
              .names(OwnNames.SHARED_EXPERTS)
              .names(OwnNames.POST_ATTENTION)
              .experts(OwnNames.EXPERTS, RoutedExperts::bySigmoid, Keys.DENSE_LAYERS)
              .translates(RoutedExperts.KEYS)
              .translates(Keys.DRAFT_LAYERS)
              .own(Glm::withExperts));

  private Glm() {}

  private static void withExperts(StoredModel model, Fields fields) {
    fields.put("use_qk_norm", model.weights().headNorms());
    fields.put("num_nextn_predict_layers", model.draftLayers());
  }
}
