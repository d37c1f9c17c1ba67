package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Files of Ling, DeepSeekMoE, K-EXAONE, Trinity and Mellum, which have experts. */
final class GgufSharedExpertsTest extends GgufCase {
  /** One with a dense layer below, and two experts that all rows go to. */
  private static GgufWriter shared(String architecture) {
    return experts(architecture, 2)
        .put(architecture + ".expert_feed_forward_length", 4)
        .put(architecture + ".expert_shared_count", 2)
        .put(architecture + ".leading_dense_block_count", 1)
        .tensor("blk.1.ffn_up_shexp.weight", F32, sixNumbers(), 2, 3);
  }

  @Test
  void deepseek_moe_files_turn_neighbours_and_have_experts_by_softmax() throws IOException {
    accepted(
        shared("deepseek").put("deepseek.expert_weights_scale", 1f),
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("DeepseekForCausalLM"))
              .containsEntry("rope_interleaved", true)
              .containsEntry("n_routed_experts", 3L)
              .containsEntry("n_shared_experts", 2L)
              .containsEntry("first_k_dense_replace", 1L)
              .containsEntry("norm_topk_prob", false);
          assertThat(checkpoint.tensorNames())
              .contains("model.layers.1.mlp.shared_experts.up_proj.weight");
        });
    refused(
        shared("deepseek").put("deepseek.expert_gating_func", 2).file(),
        "deepseek.expert_gating_func",
        "is 2.0; it must be 1.0");
  }

  @Test
  void ling_files_have_maps_of_queries_keys_and_values_apart() throws IOException {
    accepted(
        layers(
            shared("bailingmoe").put("bailingmoe.expert_weights_norm", true),
            "0.attn_q.weight",
            "0.attn_output.weight"),
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("BailingMoeForCausalLM"))
              .containsEntry("rope_interleaved", true)
              .containsEntry("qkv_apart", true)
              .containsEntry("norm_topk_prob", true);
          assertThat(checkpoint.tensorNames())
              .contains(
                  "model.word_embeddings.weight",
                  "model.layers.0.self_attn.q_proj.weight",
                  "model.layers.0.attention.dense.weight");
        });
  }

  @Test
  void ling_2_files_have_them_together_and_a_layer_that_is_left_out() throws IOException {
    accepted(
        layers(
                experts("bailingmoe2", 3)
                    .put("bailingmoe2.expert_feed_forward_length", 4)
                    .put("bailingmoe2.expert_shared_count", 1)
                    .put("bailingmoe2.expert_shared_feed_forward_length", 4)
                    .put("bailingmoe2.expert_gating_func", 2)
                    .put("bailingmoe2.expert_weights_scale", 2.5f)
                    .put("bailingmoe2.rope.dimension_count", 2)
                    .put("bailingmoe2.nextn_predict_layers", 1),
                "0.attn_qkv.weight",
                "0.attn_q_norm.weight",
                "0.attn_k_norm.weight")
            .tensor("blk.1.exp_probs_b.bias", F32, new byte[12], 3),
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("BailingMoeV2ForCausalLM"))
              .containsEntry("partial_rotary_factor", 0.5)
              .containsEntry("num_hidden_layers", 2L)
              .containsEntry("num_nextn_predict_layers", 1L)
              .containsEntry("routed_scaling_factor", 2.5);
          assertThat(checkpoint.tensorNames())
              .contains(
                  "model.layers.0.attention.query_key_value.weight",
                  "model.layers.0.attention.query_layernorm.weight",
                  "model.layers.0.attention.key_layernorm.weight",
                  "model.layers.1.mlp.gate.expert_bias");
        });
  }

  @Test
  void k_exaone_files_have_a_window_in_three_of_four_layers_or_those_that_are_said()
      throws IOException {
    GgufWriter file =
        shared("exaone-moe")
            .put("exaone-moe.expert_gating_func", 2)
            .put("exaone-moe.attention.sliding_window", 6)
            .flags("exaone-moe.attention.sliding_window_pattern", true, false);
    accepted(
        file,
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("ExaoneMoEForCausalLM"))
                .containsEntry("sliding_window", 6L)
                .containsEntry("layer_types", List.of("sliding_attention", "full_attention"))
                .containsEntry("num_nextn_predict_layers", 0L));
  }

  @Test
  void trinity_files_have_gates_of_attention_and_must_have_a_window() throws IOException {
    GgufWriter file =
        layers(
            shared("afmoe").put("afmoe.expert_gating_func", 2),
            "0.attn_gate.weight",
            "0.post_attention_norm.weight",
            "0.ffn_norm.weight",
            "0.post_ffw_norm.weight");
    refused(file.file(), "afmoe.attention.sliding_window");
    accepted(
        file.put("afmoe.attention.sliding_window", 6),
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("AfmoeForCausalLM"))
              .containsEntry("sliding_window", 6L)
              .containsEntry("mup_enabled", true);
          assertThat(checkpoint.tensorNames())
              .contains(
                  "model.layers.0.self_attn.gate_proj.weight",
                  "model.layers.0.post_attention_layernorm.weight",
                  "model.layers.0.pre_mlp_layernorm.weight",
                  "model.layers.0.post_mlp_layernorm.weight",
                  "model.layers.0.mlp.router.gate.weight");
        });
  }

  @Test
  void mellum_files_say_of_each_layer_whether_it_has_a_window() throws IOException {
    GgufWriter file =
        experts("mellum", 2)
            .put("mellum.expert_feed_forward_length", 4)
            .put("mellum.attention.sliding_window", 6);
    refused(file.file(), "mellum.attention.sliding_window_pattern");
    accepted(
        file.flags("mellum.attention.sliding_window_pattern", true, false),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("MellumForCausalLM"))
                .containsEntry("layer_types", List.of("sliding_attention", "full_attention"))
                .containsEntry("norm_topk_prob", true));
  }
}
