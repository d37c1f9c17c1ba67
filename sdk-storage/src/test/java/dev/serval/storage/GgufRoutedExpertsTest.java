package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** GGUF files of models some of whose layers have experts, beside such as all rows go to. */
final class GgufRoutedExpertsTest extends GgufCase {
  private static GgufWriter glm4Moe(int scoring, int drafts) {
    return glm4Moe(scoring, drafts, 1);
  }

  private static GgufWriter glm4Moe(int scoring, int drafts, int groups) {
    return experts("glm4moe", 3)
        .put("glm4moe.nextn_predict_layers", drafts)
        .put("glm4moe.expert_feed_forward_length", 4)
        .put("glm4moe.expert_shared_count", 2)
        .put("glm4moe.expert_gating_func", scoring)
        .put("glm4moe.expert_group_count", groups)
        .put("glm4moe.expert_weights_norm", true)
        .put("glm4moe.leading_dense_block_count", 1)
        .tensor("blk.0.attn_q_norm.weight", F32, new byte[16], 4)
        .tensor("blk.1.post_attention_norm.weight", F32, new byte[32], 8)
        .tensor("blk.1.exp_probs_b.bias", F32, new byte[12], 3)
        .tensor("blk.1.ffn_up_shexp.weight", F32, sixNumbers(), 2, 3)
        .tensor("blk.2.nextn.eh_proj.weight", F32, sixNumbers(), 2, 3);
  }

  @Test
  void glm4_files_with_experts_have_dense_layers_and_one_that_is_left_out() throws IOException {
    accepted(
        glm4Moe(2, 1).put("glm4moe.expert_weights_scale", 2.5f),
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("Glm4MoeForCausalLM"))
              .containsEntry("num_hidden_layers", 2L)
              .containsEntry("num_nextn_predict_layers", 1L)
              .containsEntry("n_routed_experts", 3L)
              .containsEntry("n_shared_experts", 2L)
              .containsEntry("n_group", 1L)
              .containsEntry("topk_group", 1L)
              .containsEntry("first_k_dense_replace", 1L)
              .containsEntry("routed_scaling_factor", 2.5)
              .containsEntry("norm_topk_prob", true)
              .containsEntry("use_qk_norm", true);
          assertThat(checkpoint.tensorNames())
              .contains(
                  "model.layers.1.post_attention_layernorm.weight",
                  "model.layers.1.mlp.gate.e_score_correction_bias",
                  "model.layers.1.mlp.shared_experts.up_proj.weight",
                  "model.layers.2.nextn.eh_proj.weight");
        });
    refused(glm4Moe(1, 1).file(), "expert_gating_func", "is 1.0; it must be 2.0");
    refused(glm4Moe(2, 3).file(), "nextn_predict_layers", "is 3; it must be less");
    refused(
        glm4Moe(2, 1).put("glm4moe.expert_shared_feed_forward_length", 9).file(),
        "expert_shared_feed_forward_length",
        "9",
        "2 experts of 4");
  }

  @Test
  void experts_may_be_in_groups_of_which_a_file_says_how_many_a_row_goes_to() throws IOException {
    String used = "glm4moe.expert_group_used_count";
    refused(glm4Moe(2, 1, 3).file(), "has no metadata", used);
    accepted(
        glm4Moe(2, 1, 3).put(used, 2),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("n_group", 3L)
                .containsEntry("topk_group", 2L));
    accepted(
        glm4Moe(2, 1, 0).put(used, 0),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("n_group", 1L)
                .containsEntry("topk_group", 1L));
  }

  @Test
  void ernie_files_turn_neighbours_and_may_have_experts() throws IOException {
    GgufWriter file =
        experts("ernie4_5-moe", 2)
            .put("ernie4_5-moe.expert_feed_forward_length", 4)
            .put("ernie4_5-moe.expert_shared_count", 2)
            .put("ernie4_5-moe.expert_shared_feed_forward_length", 8)
            .put("ernie4_5-moe.leading_dense_block_count", 1)
            .tensor("blk.1.exp_probs_b.bias", F32, new byte[12], 3);
    accepted(
        file,
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("Ernie4_5_MoeForCausalLM"))
              .containsEntry("rope_interleaved", true)
              .containsEntry("moe_num_experts", 3L)
              .containsEntry("moe_k", 2L)
              .containsEntry("moe_num_shared_experts", 2L)
              .containsEntry("moe_layer_start_index", 1L);
          assertThat(checkpoint.tensorNames())
              .contains("model.layers.1.mlp.moe_statics.e_score_correction_bias");
        });
    refused(
        file.put("ernie4_5-moe.interleave_moe_layer_step", 2).file(),
        "ernie4_5-moe.interleave_moe_layer_step",
        "2");
  }

  @Test
  void dots1_files_have_experts_by_the_logistic_function_unless_they_say_otherwise()
      throws IOException {
    accepted(
        experts("dots1").put("dots1.expert_feed_forward_length", 4),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("Dots1ForCausalLM"))
                .containsEntry("n_shared_experts", 0L)
                .containsEntry("first_k_dense_replace", 0L)
                .containsEntry("routed_scaling_factor", 1.0)
                .containsEntry("norm_topk_prob", false));
  }
}
