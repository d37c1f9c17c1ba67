package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Fields;
import dev.serval.storage.gguf.architecture.Keys;
import dev.serval.storage.gguf.architecture.OwnNames;
import dev.serval.storage.gguf.architecture.RoutedExperts;
import dev.serval.storage.gguf.architecture.StoredModel;
import dev.serval.storage.gguf.architecture.Windows;
import java.util.List;
import java.util.Map;

/** Trinity, whose embeddings are always multiplied. */
final class Trinity {
  private static final Map<String, String> NAMES =
      Map.of(
          "attn_gate", "self_attn.gate_proj",
          "post_attention_norm", "post_attention_layernorm",
          "ffn_norm", "pre_mlp_layernorm",
          "post_ffw_norm", "post_mlp_layernorm",
          "ffn_gate_inp", "mlp.router.gate",
          "exp_probs_b", "mlp.expert_bias");

  static final List<Architecture> ALL =
      Description.all(
          Description.of("afmoe", "AfmoeForCausalLM", "afmoe")
              .names(OwnNames.SHARED_EXPERTS)
              .names(NAMES)
              .window(Windows::ofSomeLayers)
              .experts(OwnNames.EXPERTS, RoutedExperts::bySigmoid, Keys.DENSE_LAYERS)
              .translates(RoutedExperts.KEYS)
              .own(Trinity::embeddings));

  private Trinity() {}

  private static void embeddings(StoredModel model, Fields fields) {
    Windows.required(model, fields);
    fields.put("mup_enabled", true);
  }
}
