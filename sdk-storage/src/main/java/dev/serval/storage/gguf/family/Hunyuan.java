package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Experts;
import dev.serval.storage.gguf.architecture.Fields;
import dev.serval.storage.gguf.architecture.Keys;
import dev.serval.storage.gguf.architecture.OwnNames;
import dev.serval.storage.gguf.architecture.StoredModel;
import java.util.List;
import java.util.Map;

/** Hunyuan. Converters have worked an alpha into the base of its positions. */
final class Hunyuan {
  private static final Map<String, String> HEAD_NORMS =
      Map.of(
          "attn_q_norm", "self_attn.query_layernorm",
          "attn_k_norm", "self_attn.key_layernorm");

  /** Of the router, and of the one that all rows go to. */
  private static final Map<String, String> BESIDE_EXPERTS =
      Map.of(
          "ffn_gate_inp", "mlp.gate.wg",
          "ffn_gate_shexp", "mlp.shared_mlp.gate_proj",
          "ffn_up_shexp", "mlp.shared_mlp.up_proj",
          "ffn_down_shexp", "mlp.shared_mlp.down_proj");

  static final List<Architecture> ALL =
      Description.all(
          Description.of("hunyuan-dense", "HunYuanDenseV1ForCausalLM", "hunyuan_v1_dense")
              .names(HEAD_NORMS),
          Description.of("hunyuan-moe", "HunYuanMoEV1ForCausalLM", "hunyuan_v1_moe")
              .names(HEAD_NORMS)
              .names(BESIDE_EXPERTS)
              .experts(OwnNames.EXPERTS, Hunyuan::experts, Keys.SHARED_EXPERTS, Keys.SHARED_WIDTH));

  private Hunyuan() {}

  /** However many those are that all rows go to, they are as wide together as is said. */
  private static void experts(StoredModel model, Fields fields) {
    Experts experts = model.experts();
    fields.put("num_experts", experts.count());
    fields.put("moe_topk", experts.used());
    fields.put("moe_intermediate_size", experts.width());
    fields.put("num_shared_expert", 1L);
    model
        .metadata()
        .natural(Keys.SHARED_WIDTH)
        .filter(width -> width > 0)
        .ifPresent(width -> fields.put("intermediate_size", width));
  }
}
