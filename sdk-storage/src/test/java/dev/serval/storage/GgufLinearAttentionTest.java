package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What becomes of GGUF files of Qwen3-Next and Qwen 3.5, with linear attention. */
final class GgufLinearAttentionTest extends GgufCase {
  private static GgufWriter linear(String architecture, int layers) {
    return linear(architecture, layers, 3, 12);
  }

  private static GgufWriter linear(String architecture, int layers, int heads, int columns) {
    return named(architecture, layers)
        .put(architecture + ".attention.key_length", 8)
        .put(architecture + ".attention.value_length", 8)
        .put(architecture + ".rope.dimension_count", 2)
        .states(architecture, 5, 6, 1, heads, columns);
  }

  @Test
  void qwen35_files_have_layers_of_linear_attention_and_gains_and_decays_worked_out()
      throws IOException {
    accepted(
        linear("qwen35", 5).integers("qwen35.rope.dimension_sections", List.of(1, 1, 0, 0)),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("Qwen3_5ForCausalLM"))
                .containsEntry("model_type", "qwen3_5_text")
                .containsEntry("head_dim", 8L)
                .containsEntry("partial_rotary_factor", 0.25)
                .containsEntry("intermediate_size", 16L)
                .containsEntry("linear_conv_kernel_dim", 5L)
                .containsEntry("linear_key_head_dim", 6L)
                .containsEntry("linear_num_key_heads", 1L)
                .containsEntry("linear_num_value_heads", 3L)
                .containsEntry("linear_value_head_dim", 4L)
                .containsEntry("norm_gains_less_one", false)
                .containsEntry("linear_decay_logarithms", false)
                .containsEntry("linear_value_heads_tiled", true)
                .containsEntry("mtp_num_hidden_layers", 0L)
                .doesNotContainKeys("rope_interleaved", "rope_scaling", "num_experts"));
  }

  @Test
  void tensors_of_linear_attention_are_named_as_their_model_has_them() throws IOException {
    GgufWriter file = linear("qwen35", 4);
    for (String name :
        List.of(
            "attn_qkv.weight",
            "attn_gate.weight",
            "ssm_beta.weight",
            "ssm_alpha.weight",
            "ssm_conv1d.weight",
            "ssm_a",
            "ssm_dt.bias",
            "ssm_norm.weight",
            "ssm_out.weight",
            "post_attention_norm.weight")) {
      file.tensor("blk.0." + name, F32, new byte[32], 8);
    }
    String layer = "model.layers.0.";
    accepted(
        file,
        checkpoint ->
            assertThat(checkpoint.tensorNames())
                .containsExactlyInAnyOrder(
                    "model.embed_tokens.weight",
                    layer + "linear_attn.in_proj_qkv.weight",
                    layer + "linear_attn.in_proj_z.weight",
                    layer + "linear_attn.in_proj_b.weight",
                    layer + "linear_attn.in_proj_a.weight",
                    layer + "linear_attn.conv1d.weight",
                    layer + "linear_attn.A_log",
                    layer + "linear_attn.dt_bias",
                    layer + "linear_attn.norm.weight",
                    layer + "linear_attn.out_proj.weight",
                    layer + "post_attention_layernorm.weight"));
  }

  @Test
  void tensors_without_the_ending_that_others_have_are_known_where_there_are_any() {
    for (String name : List.of("ssm_a.weight", "ssm_dt", "attn_q", "nextn.eh_proj")) {
      refused(
          linear("qwen35", 4).tensor("blk.0." + name, F32, new byte[32], 8).file(),
          "'blk.0." + name + "' is unknown");
    }
    refused(sound().tensor("blk.0.ssm_a", F32, new byte[32], 8).file(), "'blk.0.ssm_a'");
    refused(
        linear("qwen35", 4).tensor("blk.0.ssm_ba.weight", F32, new byte[32], 8).file(),
        "blk.0.ssm_ba.weight");
  }

  @Test
  void which_layers_are_linear_is_said_for_each_or_all_but_every_so_many() throws IOException {
    String linear = "linear_attention";
    String full = "full_attention";
    accepted(
        linear("qwen35", 5),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("layer_types", List.of(linear, linear, linear, full, linear)));
    accepted(
        linear("qwen35", 5).put("qwen35.full_attention_interval", 2),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("layer_types", List.of(linear, full, linear, full, linear)));
    String listed = "qwen35.attention.recurrent_layers";
    accepted(
        linear("qwen35", 3).flags(listed, false, true, true),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("layer_types", List.of(full, linear, linear)));
    accepted(
        linear("qwen35", 3).integers(listed, List.of(1, 0, 1)),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("layer_types", List.of(linear, full, linear)));
    refused(linear("qwen35", 3).flags(listed, true, false).file(), listed, "2", "3 layers");
    refused(linear("qwen35", 3).texts(listed, List.of("a", "b", "c")).file(), listed, "BOOL");
    refused(linear("qwen35", 3).put(listed, true).file(), listed, "ARRAY of BOOL");
    refused(
        linear("qwen35", 3).put("qwen35.full_attention_interval", 0).file(),
        "qwen35.full_attention_interval",
        "is 0; it must be at least 1");
    refused(
        linear("qwen35", Integer.MAX_VALUE).file(), "qwen35.block_count", "there can be 1000000");
  }

  @Test
  void layers_that_predict_further_tokens_are_of_neither_kind() throws IOException {
    GgufWriter file =
        linear("qwen35", 3)
            .put("qwen35.nextn_predict_layers", 1)
            .tensor("blk.2.attn_q.weight", F32, new byte[32], 8)
            .tensor("blk.2.nextn.eh_proj.weight", F32, new byte[32], 8);
    accepted(
        file,
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("num_hidden_layers", 2L)
              .containsEntry("mtp_num_hidden_layers", 1L)
              .containsEntry("layer_types", List.of("linear_attention", "linear_attention"));
          assertThat(checkpoint.tensorNames())
              .contains(
                  "model.layers.2.self_attn.q_proj.weight", "model.layers.2.nextn.eh_proj.weight");
        });
    accepted(
        file.flags("qwen35.attention.recurrent_layers", true, false, false),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("layer_types", List.of("linear_attention", "full_attention")));
  }

  @Test
  void whether_queries_have_biases_is_said_by_a_layer_that_has_queries() throws IOException {
    GgufWriter file =
        linear("qwen35", 4)
            .tensor("blk.0.attn_qkv.weight", F32, new byte[32], 8)
            .tensor("blk.3.attn_q.weight", F32, new byte[32], 8);
    accepted(
        file, checkpoint -> assertThat(checkpoint.config()).doesNotContainKey("attention_bias"));
    accepted(
        file.tensor("blk.3.attn_q.bias", F32, new byte[32], 8),
        checkpoint -> assertThat(checkpoint.config()).containsEntry("attention_bias", true));
  }

  @Test
  void value_heads_that_do_not_share_out_their_columns_are_refused() {
    refused(linear("qwen35", 1, 3, 13).file(), "qwen35.ssm.inner_size", "is 13, no multiple of 3");
    refused(linear("qwen35", 1, 0, 12).file(), "qwen35.ssm.time_step_rank", "is 0");
    refused(linear("qwen35", 1, 3, 0).file(), "qwen35.ssm.inner_size", "is 0");
    refused(
        new GgufWriter().put("general.architecture", "qwen35").sizes("qwen35").file(),
        "qwen35.ssm.conv_kernel");
  }

  private static GgufWriter withExperts(String architecture) {
    return new GgufWriter()
        .put("general.architecture", architecture)
        .sizesButWidth(architecture, 4)
        .states(architecture, 4, 4, 2, 4, 16)
        .put(architecture + ".expert_count", 3)
        .put(architecture + ".expert_used_count", 2)
        .put(architecture + ".expert_feed_forward_length", 4)
        .tensor("token_embd.weight", F32, new byte[96], 8, 3)
        .tensor("blk.0.ffn_gate_inp.weight", F32, new byte[96], 8, 3)
        .tensor("blk.0.ffn_gate_inp_shexp.weight", F32, new byte[32], 8)
        .tensor("blk.0.ffn_up_shexp.weight", F32, sixNumbers(), 2, 3)
        .tensor("blk.0.ffn_up_exps.weight", F32, sixNumbers(), 1, 2, 3)
        .tensor("blk.0.ssm_a", F32, new byte[16], 4)
        .tensor("blk.0.post_attention_norm.weight", F32, new byte[32], 8);
  }

  @Test
  void qwen35_and_qwen3_next_files_have_one_expert_for_all_rows_and_shares_that_add_up()
      throws IOException {
    Map<String, String> models =
        Map.of("qwen35moe", "Qwen3_5MoeForCausalLM", "qwen3next", "Qwen3NextForCausalLM");
    for (Map.Entry<String, String> model : models.entrySet()) {
      String name = model.getKey();
      refused(withExperts(name).file(), name + ".expert_shared_feed_forward_length");
      accepted(
          withExperts(name)
              .put(name + ".expert_shared_feed_forward_length", 2)
              .put(name + ".nextn_predict_layers", 1),
          checkpoint -> {
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of(model.getValue()))
                .containsEntry("num_experts", 3L)
                .containsEntry("num_experts_per_tok", 2L)
                .containsEntry("intermediate_size", 4L)
                .containsEntry("moe_intermediate_size", 4L)
                .containsEntry("shared_expert_intermediate_size", 2L)
                .containsEntry("norm_topk_prob", true)
                .containsEntry("mtp_num_hidden_layers", 1L)
                .containsEntry("norm_gains_less_one", false);
            String layer = "model.layers.0.";
            assertThat(checkpoint.tensorNames())
                .contains(
                    layer + "mlp.gate.weight",
                    layer + "mlp.shared_expert_gate.weight",
                    layer + "mlp.shared_expert.up_proj.weight",
                    layer + "mlp.experts.2.up_proj.weight",
                    layer + "linear_attn.A_log",
                    layer + "post_attention_layernorm.weight");
          });
    }
  }

  @Test
  void the_width_of_a_layer_without_experts_is_kept_where_it_is_said() throws IOException {
    accepted(
        withExperts("qwen3next")
            .put("qwen3next.expert_shared_feed_forward_length", 2)
            .put("qwen3next.feed_forward_length", 16),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("intermediate_size", 16L)
                .containsEntry("moe_intermediate_size", 4L));
    refused(
        new GgufWriter()
            .put("general.architecture", "qwen35")
            .sizesButWidth("qwen35", 4)
            .put("qwen35.expert_feed_forward_length", 4)
            .file(),
        "qwen35.feed_forward_length");
  }

  @Test
  void qwen35_files_have_value_heads_and_experts_in_another_order_than_qwen3_next()
      throws IOException {
    accepted(
        withExperts("qwen35moe")
            .put("qwen35moe.expert_shared_feed_forward_length", 2)
            .integers("qwen35moe.rope.dimension_sections", List.of(1, 1, 0, 0))
            .tensor("blk.0.ssm_alpha.weight", F32, new byte[32], 8),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("model_type", "qwen3_5_moe_text")
                .containsEntry("linear_value_heads_tiled", true)
                .containsEntry("experts_apart", true));
    GgufWriter next =
        withExperts("qwen3next")
            .put("qwen3next.expert_shared_feed_forward_length", 2)
            .tensor("blk.0.ssm_ba.weight", F32, new byte[32], 8);
    accepted(
        next,
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("model_type", "qwen3_next")
              .containsEntry("linear_value_heads_tiled", false)
              .doesNotContainKey("experts_apart");
          assertThat(checkpoint.tensorNames())
              .contains("model.layers.0.linear_attn.in_proj_ba.weight");
        });
    refused(
        next.integers("qwen3next.rope.dimension_sections", List.of(1, 1, 0, 0)).file(),
        "qwen3next.rope.dimension_sections");
  }
}
