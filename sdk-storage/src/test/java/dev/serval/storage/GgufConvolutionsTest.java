package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What becomes of GGUF files of LFM2, some of whose layers are convolutions. */
final class GgufConvolutionsTest extends GgufCase {
  private static GgufWriter lfm2(int layers) {
    return ofTwoKinds("lfm2", layers).put("lfm2.shortconv.l_cache", 3);
  }

  private static GgufWriter lfm2(Integer... heads) {
    return lfm2(heads.length).integers("lfm2.attention.head_count_kv", List.of(heads));
  }

  @Test
  void lfm2_files_have_convolutions_where_layers_have_no_keys() throws IOException {
    accepted(
        lfm2(0, 0, 1, 0),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("Lfm2ForCausalLM"))
                .containsEntry("model_type", "lfm2")
                .containsEntry("layer_types", List.of("conv", "conv", "full_attention", "conv"))
                .containsEntry("num_key_value_heads", 1L)
                .containsEntry("num_hidden_layers", 4L)
                .containsEntry("conv_L_cache", 3L)
                .containsEntry("norm_eps", (double) 1e-5f)
                .containsEntry("intermediate_size", 16L)
                .containsEntry("block_auto_adjust_ff_dim", false)
                .doesNotContainKeys("rms_norm_eps", "rope_interleaved", "num_experts"));
    refused(lfm2(0, 1).put("lfm2.attention.sliding_window", 8).file(), "lfm2.attention.sliding");
    refused(lfm2(0, 1).put("lfm2.attention.causal", false).file(), "lfm2.attention.causal");
    refused(
        ofTwoKinds("lfm2", 2).put("lfm2.attention.head_count_kv", 1).file(),
        "lfm2.shortconv.l_cache");
  }

  @Test
  void how_many_heads_of_keys_there_are_is_said_for_each_layer_or_for_all_at_once()
      throws IOException {
    String heads = "lfm2.attention.head_count_kv";
    accepted(
        lfm2(2).put(heads, 2),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("num_key_value_heads", 2L)
                .containsEntry("layer_types", List.of("full_attention", "full_attention")));
    accepted(
        lfm2(2, 2, 0),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("num_key_value_heads", 2L)
                .containsEntry("layer_types", List.of("full_attention", "full_attention", "conv")));
    refused(lfm2(1, 0, 2).file(), heads, "has 1 and 2");
    refused(lfm2(0, 0).file(), heads, "is 0 for every layer");
    refused(lfm2(3).integers(heads, List.of(0, 1)).file(), heads, "2 elements", "3 layers");
    refused(lfm2(0, -1).file(), heads, "has -1; it can be from 0");
    refused(lfm2(2).put(heads, 0).file(), heads, "is 0; it must be at least 1");
    refused(lfm2(2).flags(heads, true, false).file(), heads, "ARRAY of whole numbers");
    refused(lfm2(2).file(), heads);
    refused(
        lfm2(Integer.MAX_VALUE).put(heads, 1).file(), "lfm2.block_count", "there can be 1000000");
    refused(
        new GgufWriter()
            .put("general.architecture", "qwen3")
            .sizesButHeads("qwen3", 2)
            .integers("qwen3.attention.head_count_kv", List.of(1, 0))
            .file(),
        "qwen3.attention.head_count_kv",
        "must be a whole number");
  }

  @Test
  void tensors_of_convolutions_are_named_as_lfm2_has_them() throws IOException {
    GgufWriter file =
        layers(
            lfm2(0, 1),
            "0.attn_norm.weight",
            "0.shortconv.conv.weight",
            "0.shortconv.in_proj.weight",
            "0.shortconv.out_proj.weight",
            "0.ffn_norm.weight",
            "0.ffn_gate.weight",
            "0.ffn_up.weight",
            "0.ffn_down.weight",
            "1.attn_q.weight",
            "1.attn_k.weight",
            "1.attn_v.weight",
            "1.attn_q_norm.weight",
            "1.attn_k_norm.weight",
            "1.attn_output.weight");
    accepted(
        file.tensor("token_embd_norm.weight", F32, new byte[32], 8),
        checkpoint ->
            assertThat(checkpoint.tensorNames())
                .containsExactlyInAnyOrder(
                    "model.embed_tokens.weight",
                    "model.layers.0.operator_norm.weight",
                    "model.layers.0.conv.conv.weight",
                    "model.layers.0.conv.in_proj.weight",
                    "model.layers.0.conv.out_proj.weight",
                    "model.layers.0.ffn_norm.weight",
                    "model.layers.0.feed_forward.w1.weight",
                    "model.layers.0.feed_forward.w3.weight",
                    "model.layers.0.feed_forward.w2.weight",
                    "model.layers.1.self_attn.q_proj.weight",
                    "model.layers.1.self_attn.k_proj.weight",
                    "model.layers.1.self_attn.v_proj.weight",
                    "model.layers.1.self_attn.q_layernorm.weight",
                    "model.layers.1.self_attn.k_layernorm.weight",
                    "model.layers.1.self_attn.out_proj.weight",
                    "model.embedding_norm.weight"));
    for (String name : List.of("shortconv.conv", "shortconv.weight", "token_embd_norm.weight")) {
      refused(layers(lfm2(0, 1), "0." + name).file(), "'blk.0." + name + "' is unknown");
    }
    refused(
        layers(named("qwen3"), "0.shortconv.conv.weight").file(), "'blk.0.shortconv.conv.weight'");
  }

  @Test
  void the_last_norm_of_lfm2_may_have_the_name_that_others_give_it() throws IOException {
    accepted(
        lfm2(0, 1).tensor("output_norm.weight", F32, new byte[32], 8),
        checkpoint ->
            assertThat(checkpoint.tensorNames())
                .containsExactly("model.embed_tokens.weight", "model.embedding_norm.weight"));
    refused(
        lfm2(0, 1)
            .tensor("output_norm.weight", F32, new byte[32], 8)
            .tensor("token_embd_norm.weight", F32, new byte[32], 8)
            .file(),
        "'token_embd_norm.weight' is there under another name");
    refused(
        sound().tensor("token_embd_norm.weight", F32, new byte[32], 8).file(),
        "'token_embd_norm.weight' is unknown");
  }

  private static GgufWriter withExperts(int scoring) {
    return ofTwoKinds("lfm2moe", 2)
        .integers("lfm2moe.attention.head_count_kv", List.of(0, 1))
        .put("lfm2moe.shortconv.l_cache", 3)
        .put("lfm2moe.expert_count", 3)
        .put("lfm2moe.expert_used_count", 2)
        .put("lfm2moe.expert_gating_func", scoring)
        .tensor("blk.0.ffn_down.weight", F32, sixNumbers(), 2, 3)
        .tensor("blk.1.ffn_gate_inp.weight", F32, new byte[96], 8, 3)
        .tensor("blk.1.exp_probs_b.bias", F32, new byte[12], 3)
        .tensor("blk.1.ffn_gate_exps.weight", F32, sixNumbers(), 1, 2, 3)
        .tensor("blk.1.ffn_up_exps.weight", F32, sixNumbers(), 1, 2, 3)
        .tensor("blk.1.ffn_down_exps.weight", F32, sixNumbers(), 2, 1, 3);
  }

  @Test
  void lfm2_files_with_experts_choose_them_by_the_logistic_function_and_a_bias()
      throws IOException {
    String width = "lfm2moe.expert_feed_forward_length";
    refused(withExperts(2).file(), width);
    refused(
        withExperts(1).put(width, 4).file(),
        "lfm2moe.expert_gating_func",
        "is 1.0; it must be 2.0");
    accepted(
        withExperts(2).put(width, 4).put("lfm2moe.leading_dense_block_count", 1),
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("Lfm2MoeForCausalLM"))
              .containsEntry("model_type", "lfm2_moe")
              .containsEntry("layer_types", List.of("conv", "full_attention"))
              .containsEntry("conv_L_cache", 3L)
              .containsEntry("norm_eps", (double) 1e-5f)
              .containsEntry("num_experts", 3L)
              .containsEntry("num_experts_per_tok", 2L)
              .containsEntry("intermediate_size", 16L)
              .containsEntry("moe_intermediate_size", 4L)
              .containsEntry("num_dense_layers", 1L)
              .containsEntry("norm_topk_prob", true)
              .containsEntry("use_expert_bias", true)
              .containsEntry("routed_scaling_factor", 1.0);
          String layer = "model.layers.1.feed_forward.";
          assertThat(checkpoint.tensorNames())
              .contains(
                  "model.layers.0.feed_forward.w2.weight",
                  layer + "gate.weight",
                  layer + "expert_bias",
                  layer + "experts.0.w1.weight",
                  layer + "experts.1.w3.weight",
                  layer + "experts.2.w2.weight");
        });
  }

  @Test
  void lfm2_files_with_experts_may_scale_what_these_give_and_have_none_without()
      throws IOException {
    String width = "lfm2moe.expert_feed_forward_length";
    accepted(
        withExperts(2).put(width, 4).put("lfm2moe.expert_weights_scale", 2.5f),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("num_dense_layers", 0L)
                .containsEntry("routed_scaling_factor", 2.5));
    accepted(
        withExperts(2).put(width, 4).put("lfm2moe.expert_weights_scale", 0f),
        checkpoint -> assertThat(checkpoint.config()).containsEntry("routed_scaling_factor", 1.0));
    refused(
        new GgufWriter()
            .put("general.architecture", "lfm2")
            .sizes("lfm2")
            .put("lfm2.expert_count", 3)
            .file(),
        "lfm2.expert_count",
        "0.0 or missing");
  }
}
