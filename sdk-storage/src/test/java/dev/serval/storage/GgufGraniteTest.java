package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What becomes of GGUF files of Granite, with experts and with state spaces. */
final class GgufGraniteTest extends GgufCase {
  @Test
  void granite_files_have_multipliers_and_always_turn_heads() throws IOException {
    GgufWriter file = named("granite");
    accepted(
        file,
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("model_type", "granite")
                .containsEntry("rope_interleaved", true)
                .containsEntry("attention_multiplier", 0.5)
                .containsEntry("embedding_multiplier", 1.0)
                .containsEntry("residual_multiplier", 1.0)
                .containsEntry("logits_scaling", 1.0));
    accepted(
        file.put("granite.attention.scale", 0.25f)
            .put("granite.embedding_scale", 12f)
            .put("granite.residual_scale", 0.5f)
            .put("granite.logit_scale", 8f),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("attention_multiplier", 0.25)
                .containsEntry("embedding_multiplier", 12.0)
                .containsEntry("residual_multiplier", 0.5)
                .containsEntry("logits_scaling", 8.0));
    refused(file.put("granite.rope.scaling.finetuned", false).file(), "finetuned", "true");
  }

  @Test
  void granite_files_with_experts_have_each_apart() throws IOException {
    accepted(
        experts("granitemoe").put("granitemoe.residual_scale", 0.25f),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("GraniteMoeForCausalLM"))
                .containsEntry("experts_apart", true)
                .containsEntry("residual_multiplier", 0.25)
                .containsEntry("num_local_experts", 3L));
    refused(
        experts("granitemoe").put("granitemoe.expert_shared_feed_forward_length", 8).file(),
        "granitemoe.expert_shared_feed_forward_length",
        "8");
  }

  private static GgufWriter granite(int layers, int heads, int columns) {
    return ofTwoKinds("granitehybrid", layers).states("granitehybrid", 4, 6, 1, heads, columns);
  }

  private static GgufWriter granite() {
    return granite(3, 2, 16).integers("granitehybrid.attention.head_count_kv", List.of(0, 1, 0));
  }

  @Test
  void granite_hybrid_files_have_state_spaces_where_layers_have_no_keys() throws IOException {
    accepted(
        granite(),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("GraniteMoeHybridForCausalLM"))
                .containsEntry("model_type", "granitemoehybrid")
                .containsEntry("layer_types", List.of("mamba", "attention", "mamba"))
                .containsEntry("num_key_value_heads", 1L)
                .containsEntry("mamba_n_heads", 2L)
                .containsEntry("mamba_d_head", 8L)
                .containsEntry("mamba_n_groups", 1L)
                .containsEntry("mamba_d_state", 6L)
                .containsEntry("mamba_d_conv", 4L)
                .containsEntry("mamba_conv_bias", false)
                .containsEntry("linear_decay_logarithms", false)
                .containsEntry("rope_interleaved", true)
                .containsKey("rms_norm_eps"));
    accepted(
        layers(granite(), "2.ssm_conv1d.bias"),
        checkpoint -> assertThat(checkpoint.config()).containsEntry("mamba_conv_bias", true));
    accepted(
        granite(2, 2, 16).put("granitehybrid.attention.head_count_kv", 1),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("layer_types", List.of("attention", "attention")));
  }

  @Test
  void granite_hybrid_files_have_multipliers_and_may_turn_nothing() throws IOException {
    accepted(
        granite(),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("position_embedding_type", "rope")
                .containsEntry("attention_multiplier", 0.5)
                .containsEntry("embedding_multiplier", 1.0)
                .containsEntry("residual_multiplier", 1.0)
                .containsEntry("logits_scaling", 1.0));
    accepted(
        granite()
            .put("granitehybrid.attention.scale", 0.25f)
            .put("granitehybrid.embedding_scale", 12f)
            .put("granitehybrid.residual_scale", 0.5f)
            .put("granitehybrid.logit_scale", 8f)
            .put("granitehybrid.rope.scaling.finetuned", false),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("position_embedding_type", "nope")
                .containsEntry("attention_multiplier", 0.25)
                .containsEntry("embedding_multiplier", 12.0)
                .containsEntry("residual_multiplier", 0.5)
                .containsEntry("logits_scaling", 8.0));
    accepted(
        granite().put("granitehybrid.rope.scaling.finetuned", true),
        checkpoint ->
            assertThat(checkpoint.config()).containsEntry("position_embedding_type", "rope"));
  }

  @Test
  void tensors_of_state_spaces_are_named_as_granite_has_them() throws IOException {
    GgufWriter file =
        layers(
            granite(),
            "0.attn_norm.weight",
            "0.ssm_in.weight",
            "0.ssm_conv1d.weight",
            "0.ssm_conv1d.bias",
            "0.ssm_a",
            "0.ssm_d",
            "0.ssm_dt.bias",
            "0.ssm_norm.weight",
            "0.ssm_out.weight",
            "0.ffn_norm.weight",
            "1.attn_output.weight");
    String layer = "model.layers.0.";
    accepted(
        file.tensor("output_norm.weight", F32, new byte[32], 8),
        checkpoint ->
            assertThat(checkpoint.tensorNames())
                .containsExactlyInAnyOrder(
                    "model.embed_tokens.weight",
                    layer + "input_layernorm.weight",
                    layer + "mamba.in_proj.weight",
                    layer + "mamba.conv1d.weight",
                    layer + "mamba.conv1d.bias",
                    layer + "mamba.A_log",
                    layer + "mamba.D",
                    layer + "mamba.dt_bias",
                    layer + "mamba.norm.weight",
                    layer + "mamba.out_proj.weight",
                    layer + "post_attention_layernorm.weight",
                    "model.layers.1.self_attn.o_proj.weight",
                    "model.norm.weight"));
    refused(layers(granite(), "0.ssm_d.weight").file(), "'blk.0.ssm_d.weight' is unknown");
    refused(layers(named("qwen35", 4), "0.ssm_d").file(), "'blk.0.ssm_d' is unknown");
    refused(
        layers(granite(), "0.ssm_dt.bias", "0.ssm_dt.weight").file(),
        "'blk.0.ssm_dt.weight' is there under another name");
  }

  @Test
  void state_spaces_whose_sizes_do_not_add_up_are_refused() {
    String heads = "granitehybrid.attention.head_count_kv";
    String columns = "granitehybrid.ssm.inner_size";
    refused(granite(1, 3, 16).put(heads, 1).file(), columns, "is 16, no multiple of 3");
    refused(granite(1, 0, 16).put(heads, 1).file(), "granitehybrid.ssm.time_step_rank", "is 0");
    refused(granite(1, 2, 0).put(heads, 1).file(), columns, "is 0");
    refused(ofTwoKinds("granitehybrid", 1).put(heads, 1).file(), "granitehybrid.ssm.conv_kernel");
    refused(granite(2, 2, 16).integers(heads, List.of(0, 0)).file(), heads, "every layer");
    refused(granite().put("granitehybrid.attention.sliding_window", 8).file(), "sliding_window");
  }

  private static GgufWriter graniteHybrid() {
    return ofTwoKinds("granitehybrid", 2)
        .integers("granitehybrid.attention.head_count_kv", List.of(0, 1))
        .states("granitehybrid", 4, 4, 1, 2, 16);
  }

  @Test
  void granite_hybrid_files_have_experts_apart_and_one_that_all_rows_go_to() throws IOException {
    GgufWriter file =
        graniteHybrid()
            .put("granitehybrid.expert_count", 3)
            .put("granitehybrid.expert_used_count", 2)
            .tensor("blk.0.ffn_gate_inp.weight", F32, new byte[96], 8, 3)
            .tensor("blk.0.ffn_gate_exps.weight", F32, sixNumbers(), 1, 2, 3)
            .tensor("blk.0.ffn_up_exps.weight", F32, sixNumbers(), 1, 2, 3)
            .tensor("blk.0.ffn_down_exps.weight", F32, sixNumbers(), 2, 1, 3)
            .tensor("blk.0.ffn_gate_shexp.weight", F32, sixNumbers(), 2, 3)
            .tensor("blk.0.ffn_up_shexp.weight", F32, sixNumbers(), 2, 3)
            .tensor("blk.0.ffn_down_shexp.weight", F32, sixNumbers(), 3, 2);
    refused(file.file(), "granitehybrid.expert_shared_feed_forward_length");
    accepted(
        file.put("granitehybrid.expert_shared_feed_forward_length", 8),
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("num_local_experts", 3L)
              .containsEntry("num_experts_per_tok", 2L)
              .containsEntry("intermediate_size", 16L)
              .containsEntry("shared_intermediate_size", 8L)
              .containsEntry("experts_apart", true);
          String layer = "model.layers.0.";
          assertThat(checkpoint.tensorNames())
              .contains(
                  layer + "block_sparse_moe.router.layer.weight",
                  layer + "block_sparse_moe.experts.0.w1.weight",
                  layer + "block_sparse_moe.experts.1.w3.weight",
                  layer + "block_sparse_moe.experts.2.w2.weight",
                  layer + "shared_mlp.gate_proj.weight",
                  layer + "shared_mlp.up_proj.weight",
                  layer + "shared_mlp.down_proj.weight");
        });
    refused(
        file.tensor("blk.0.ffn_up.weight", F32, sixNumbers(), 2, 3).file(),
        "'blk.0.ffn_up.weight' is there under another name");
    refused(
        graniteHybrid().put("granitehybrid.expert_gating_func", 2).file(),
        "granitehybrid.expert_gating_func",
        "2.0");
  }

  @Test
  void granite_hybrid_files_without_experts_have_the_one_that_all_rows_go_to() throws IOException {
    GgufWriter file =
        graniteHybrid()
            .tensor("blk.0.ffn_gate.weight", F32, sixNumbers(), 2, 3)
            .tensor("blk.0.ffn_up.weight", F32, sixNumbers(), 2, 3)
            .tensor("blk.0.ffn_down.weight", F32, sixNumbers(), 3, 2);
    for (boolean said : List.of(false, true)) {
      if (said) {
        file.put("granitehybrid.expert_count", 0)
            .put("granitehybrid.expert_used_count", 0)
            .put("granitehybrid.expert_shared_feed_forward_length", 16);
      }
      accepted(
          file,
          checkpoint -> {
            assertThat(checkpoint.config())
                .containsEntry("num_local_experts", 0L)
                .containsEntry("num_experts_per_tok", 0L)
                .containsEntry("shared_intermediate_size", 16L)
                .containsEntry("experts_apart", true);
            assertThat(checkpoint.tensorNames())
                .contains(
                    "model.layers.0.shared_mlp.gate_proj.weight",
                    "model.layers.0.shared_mlp.up_proj.weight",
                    "model.layers.0.shared_mlp.down_proj.weight");
          });
    }
  }
}
