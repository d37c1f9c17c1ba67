package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Experts;
import dev.serval.storage.gguf.architecture.Fields;
import dev.serval.storage.gguf.architecture.Keys;
import dev.serval.storage.gguf.architecture.StoredModel;
import java.util.List;
import java.util.Map;

/** LFM2, some of whose layers are convolutions. */
final class Lfm2 {
  /** The last norm is called as if it were the first; older files have others' name for it. */
  private static final Map<String, String> NAMES =
      Map.ofEntries(
          Map.entry("attn_norm", "operator_norm"),
          Map.entry("attn_q_norm", "self_attn.q_layernorm"),
          Map.entry("attn_k_norm", "self_attn.k_layernorm"),
          Map.entry("attn_output", "self_attn.out_proj"),
          Map.entry("shortconv.conv", "conv.conv"),
          Map.entry("shortconv.in_proj", "conv.in_proj"),
          Map.entry("shortconv.out_proj", "conv.out_proj"),
          Map.entry("ffn_norm", "ffn_norm"),
          Map.entry("ffn_gate", "feed_forward.w1"),
          Map.entry("ffn_up", "feed_forward.w3"),
          Map.entry("ffn_down", "feed_forward.w2"),
          Map.entry("token_embd_norm", "model.embedding_norm"),
          Map.entry("output_norm", "model.embedding_norm"));

  private static final Map<String, String> ROUTER =
      Map.of(
          "ffn_gate_inp", "feed_forward.gate",
          "exp_probs_b", "feed_forward.expert_bias");

  private static final Map<String, String> EXPERTS =
      Map.of(
          "ffn_gate_exps", "feed_forward.experts.%d.w1",
          "ffn_up_exps", "feed_forward.experts.%d.w3",
          "ffn_down_exps", "feed_forward.experts.%d.w2");

  static final List<Architecture> ALL =
      Description.all(
          lfm2("lfm2", "Lfm2ForCausalLM", "lfm2"),
          lfm2("lfm2moe", "Lfm2MoeForCausalLM", "lfm2_moe")
              .names(ROUTER)
              .experts(EXPERTS, Lfm2::experts, Keys.SCORING, Keys.EXPERT_SCALE, Keys.DENSE_LAYERS));

  private Lfm2() {}

  private static Description lfm2(String key, String model, String modelType) {
    return Description.of(key, model, modelType)
        .epsilonField("norm_eps")
        .names(NAMES)
        .attendsInSomeLayers()
        .own(Lfm2::convolutions);
  }

  /** Those who run such files always have shares add up, and biases where experts are chosen. */
  private static void experts(StoredModel model, Fields fields) {
    Experts experts = model.experts();
    experts.requireSigmoid();
    experts.putCounts(fields, "num_experts");
    fields.put("moe_intermediate_size", experts.width());
    fields.put("num_dense_layers", experts.denseLayers());
    fields.put("norm_topk_prob", true);
    fields.put("use_expert_bias", true);
    fields.put("routed_scaling_factor", experts.scale());
  }

  /** Its converters have adjusted how wide feed-forward layers are. */
  private static void convolutions(StoredModel model, Fields fields) {
    fields.put("block_auto_adjust_ff_dim", false);
    fields.put("layer_types", model.attentionLayers().types("full_attention", "conv"));
    fields.put("conv_L_cache", model.metadata().requirePositive("shortconv.l_cache"));
  }
}
