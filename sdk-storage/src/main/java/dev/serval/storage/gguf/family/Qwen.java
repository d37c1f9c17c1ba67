package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Fields;
import dev.serval.storage.gguf.architecture.Keys;
import dev.serval.storage.gguf.architecture.OwnNames;
import dev.serval.storage.gguf.architecture.StoredModel;
import java.util.List;
import java.util.Map;

/** Qwen 2 and 3. Of models that also see it is the part for texts. */
final class Qwen {
  /** Of the one that all rows go to, by a share of its own. */
  static final Map<String, String> SHARED_EXPERT =
      Map.of(
          "ffn_gate_inp", "mlp.gate",
          "ffn_gate_inp_shexp", "mlp.shared_expert_gate",
          "ffn_gate_shexp", "mlp.shared_expert.gate_proj",
          "ffn_up_shexp", "mlp.shared_expert.up_proj",
          "ffn_down_shexp", "mlp.shared_expert.down_proj");

  static final List<Architecture> ALL =
      Description.all(
          Description.of("qwen2", "Qwen2ForCausalLM", "qwen2").otherwiseBiased(),
          Description.of("qwen2vl", "Qwen2ForCausalLM", "qwen2")
              .otherwiseBiased()
              .positionsOfSeveralKinds(),
          Description.of("qwen2moe", "Qwen2MoeForCausalLM", "qwen2_moe")
              .otherwiseBiased()
              .names(SHARED_EXPERT)
              .experts(OwnNames.EXPERTS, Qwen::experts2, Keys.SHARED_WIDTH),
          Description.of("qwen3", "Qwen3ForCausalLM", "qwen3"),
          Description.of("qwen3vl", "Qwen3ForCausalLM", "qwen3").positionsOfSeveralKinds(),
          qwen3Moe("qwen3moe"),
          qwen3Moe("qwen3vlmoe").positionsOfSeveralKinds());

  private Qwen() {}

  private static Description qwen3Moe(String key) {
    return Description.of(key, "Qwen3MoeForCausalLM", "qwen3_moe")
        .names(OwnNames.ROUTER)
        .experts(OwnNames.EXPERTS, Qwen::experts3);
  }

  /** Those who run such files never have shares add up to 1. */
  private static void experts2(StoredModel model, Fields fields) {
    experts(model, fields);
    fields.put("shared_expert_intermediate_size", model.experts().sharedWidth());
    fields.put("norm_topk_prob", false);
  }

  /** Those who run such files always have shares add up to 1. */
  static void experts3(StoredModel model, Fields fields) {
    experts(model, fields);
    fields.put("norm_topk_prob", true);
  }

  private static void experts(StoredModel model, Fields fields) {
    model.experts().putCounts(fields, "num_experts");
    fields.put("moe_intermediate_size", model.experts().width());
  }
}
