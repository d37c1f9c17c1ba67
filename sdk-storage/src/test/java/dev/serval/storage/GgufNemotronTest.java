package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What becomes of GGUF files of Nemotron-H, with experts or without. */
final class GgufNemotronTest extends GgufCase {
  private static final String PREFIX = "nemotron_h_moe.";

  private static GgufWriter experts(List<Integer> heads, List<Integer> widths) {
    return new GgufWriter()
        .put("general.architecture", "nemotron_h_moe")
        .sizesOfAll("nemotron_h_moe", heads.size())
        .tensor("token_embd.weight", F32, new byte[96], 8, 3)
        .integers(PREFIX + "attention.head_count_kv", heads)
        .integers(PREFIX + "feed_forward_length", widths)
        .put(PREFIX + "attention.layer_norm_epsilon", 1e-5f)
        .states("nemotron_h_moe", 4, 6, 2, 2, 16)
        .put(PREFIX + "expert_count", 4)
        .put(PREFIX + "expert_used_count", 2)
        .put(PREFIX + "expert_feed_forward_length", 5)
        .put(PREFIX + "expert_shared_feed_forward_length", 7)
        .put(PREFIX + "expert_shared_count", 1)
        .put(PREFIX + "expert_weights_norm", true)
        .put(PREFIX + "expert_weights_scale", 2.5f)
        .put(PREFIX + "expert_group_count", 1);
  }

  private static GgufWriter experts() {
    return experts(List.of(0, 1, 0, 0), List.of(0, 0, 5, 0));
  }

  private static GgufWriter nemotronH(List<Integer> heads, List<Integer> widths) {
    return new GgufWriter()
        .put("general.architecture", "nemotron_h")
        .sizesOfAll("nemotron_h", heads.size())
        .tensor("token_embd.weight", F32, new byte[96], 8, 3)
        .integers("nemotron_h.attention.head_count_kv", heads)
        .integers("nemotron_h.feed_forward_length", widths)
        .put("nemotron_h.attention.layer_norm_epsilon", 1e-5f)
        .states("nemotron_h", 4, 6, 2, 2, 16);
  }

  @Test
  void nemotron_h_files_say_of_each_layer_what_it_is() throws IOException {
    accepted(
        nemotronH(List.of(0, 1, 0, 0), List.of(0, 0, 24, 0)),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("NemotronHForCausalLM"))
                .containsEntry("layers_block_type", List.of("mamba", "attention", "mlp", "mamba"))
                .containsEntry("intermediate_size", 24L)
                .containsEntry("num_key_value_heads", 1L)
                .containsEntry("mamba_n_groups", 2L)
                .containsEntry("hidden_act", "relu2"));
    String width = "nemotron_h.feed_forward_length";
    refused(
        nemotronH(List.of(0, 1), List.of(0, 24)).file(),
        width,
        "is above 0 for a layer that attends");
    refused(nemotronH(List.of(0, 1), List.of(0, 0)).file(), width, "is 0 for every layer");
    refused(nemotronH(List.of(1, 0, 0), List.of(0, 8, 24)).file(), width, "has 8 and 24");
  }

  @Test
  void layers_that_are_not_state_spaces_and_do_not_attend_have_experts() throws IOException {
    accepted(
        experts(),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("NemotronHForCausalLM"))
                .containsEntry("model_type", "nemotron_h")
                .containsEntry("hidden_act", "relu2")
                .containsEntry("layers_block_type", List.of("mamba", "attention", "moe", "mamba"))
                .containsEntry("n_routed_experts", 4L)
                .containsEntry("num_experts_per_tok", 2L)
                .containsEntry("moe_intermediate_size", 5L)
                .containsEntry("moe_shared_expert_intermediate_size", 7L)
                .containsEntry("n_group", 1L)
                .containsEntry("topk_group", 1L)
                .containsEntry("norm_topk_prob", true)
                .containsEntry("routed_scaling_factor", 2.5)
                .doesNotContainKey("first_k_dense_replace"));
  }

  @Test
  void tensors_of_experts_are_called_as_deepseek_calls_them() throws IOException {
    GgufWriter file =
        experts()
            .tensor("blk.0.ssm_in.weight", F32, new byte[32], 8, 1)
            .tensor("blk.0.ssm_a", F32, new byte[8], 1, 2)
            .tensor("blk.2.attn_norm.weight", F32, new byte[32], 8)
            .tensor("blk.2.ffn_gate_inp.weight", F32, new byte[128], 8, 4)
            .tensor("blk.2.exp_probs_b.bias", F32, new byte[16], 4)
            .tensor("blk.2.ffn_up_exps.weight", F32, new byte[640], 8, 5, 4)
            .tensor("blk.2.ffn_down_exps.weight", F32, new byte[640], 5, 8, 4)
            .tensor("blk.2.ffn_up_shexp.weight", F32, new byte[224], 8, 7)
            .tensor("blk.2.ffn_down_shexp.weight", F32, new byte[224], 7, 8);
    accepted(
        file,
        checkpoint -> {
          assertThat(checkpoint.tensorNames())
              .contains(
                  "model.layers.0.mamba.in_proj.weight",
                  "model.layers.0.mamba.A_log",
                  "model.layers.2.input_layernorm.weight",
                  "model.layers.2.mlp.gate.weight",
                  "model.layers.2.mlp.gate.e_score_correction_bias",
                  "model.layers.2.mlp.experts.0.up_proj.weight",
                  "model.layers.2.mlp.shared_experts.up_proj.weight",
                  "model.layers.2.mlp.shared_experts.down_proj.weight");
          assertThat(checkpoint.tensor("model.layers.2.mlp.experts.3.down_proj.weight").shape())
              .containsExactly(8L, 5L);
        });
  }

  @Test
  void what_experts_cannot_be_is_refused_by_its_key() {
    refused(
        experts().put(PREFIX + "moe_latent_size", 4).file(),
        PREFIX + "moe_latent_size",
        "is 4.0; models are supported for which it is 0.0 or missing");
    refused(
        experts().put(PREFIX + "expert_gating_func", 1).file(),
        PREFIX + "expert_gating_func",
        "is 1.0; it must be 2.0");
    refused(
        experts(List.of(0, 1), List.of(0, 5)).file(),
        PREFIX + "feed_forward_length",
        "is above 0 for a layer that attends");
    refused(
        experts().put(PREFIX + "nextn_predict_layers", 1).file(), PREFIX + "nextn_predict_layers");
  }
}
