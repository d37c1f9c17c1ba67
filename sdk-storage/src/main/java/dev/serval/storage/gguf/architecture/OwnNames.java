package dev.serval.storage.gguf.architecture;

import java.util.Map;

/** What tensors are called in Hugging Face's checkpoints of several families, where most differ. */
public final class OwnNames {
  /** Of layers with norms behind attention and feed-forward layers. */
  public static final Map<String, String> END_NORMS =
      Map.of(
          "post_attention_norm", "post_attention_layernorm",
          "ffn_norm", "pre_feedforward_layernorm",
          "post_ffw_norm", "post_feedforward_layernorm");

  /** Of layers whose second norm is called after attention in this format, too. */
  public static final Map<String, String> POST_ATTENTION =
      Map.of("post_attention_norm", "post_attention_layernorm");

  /** Of inputs of attention in one map, and of gates and ups in one, under the name of the ups. */
  public static final Map<String, String> JOINED =
      Map.of("attn_qkv", "self_attn.qkv_proj", "ffn_up", "mlp.gate_up_proj");

  public static final Map<String, String> ROUTER = Map.of("ffn_gate_inp", "mlp.gate");

  public static final Map<String, String> EXPERTS =
      Map.of(
          "ffn_gate_exps", "mlp.experts.%d.gate_proj",
          "ffn_up_exps", "mlp.experts.%d.up_proj",
          "ffn_down_exps", "mlp.experts.%d.down_proj");

  public static final Map<String, String> MIXTRAL_ROUTER =
      Map.of("ffn_gate_inp", "block_sparse_moe.gate");

  public static final Map<String, String> MIXTRAL_EXPERTS =
      Map.of(
          "ffn_gate_exps", "block_sparse_moe.experts.%d.w1",
          "ffn_up_exps", "block_sparse_moe.experts.%d.w3",
          "ffn_down_exps", "block_sparse_moe.experts.%d.w2");

  /**
   * Of experts beside such as all rows go to, and what is added to scores where they are chosen.
   */
  public static final Map<String, String> SHARED_EXPERTS =
      Map.of(
          "ffn_gate_inp", "mlp.gate",
          "exp_probs_b", "mlp.gate.e_score_correction_bias",
          "ffn_gate_shexp", "mlp.shared_experts.gate_proj",
          "ffn_up_shexp", "mlp.shared_experts.up_proj",
          "ffn_down_shexp", "mlp.shared_experts.down_proj");

  /** Of layers that are state spaces. */
  public static final Map<String, String> MAMBA =
      Map.of(
          "ssm_in", "mamba.in_proj",
          "ssm_conv1d", "mamba.conv1d",
          "ssm_a", "mamba.A_log",
          "ssm_d", "mamba.D",
          "ssm_dt", "mamba.dt_bias",
          "ssm_norm", "mamba.norm",
          "ssm_out", "mamba.out_proj");

  private OwnNames() {}
}
