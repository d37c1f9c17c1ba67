package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** GGUF files of models that normalise heads once these are turned: Hunyuan's and Llama 4's. */
final class GgufTurnedHeadsTest extends GgufCase {
  private static final String LLAMA4_INTERVAL = "llama4.interleave_moe_layer_step";

  @Test
  void hunyuan_files_have_the_base_of_positions_that_an_alpha_makes() throws IOException {
    accepted(
        named("hunyuan-dense")
            .put("hunyuan-dense.rope.freq_base", 500_000f)
            .put("hunyuan-dense.rope.scaling.type", "none")
            .put("hunyuan-dense.rope.scaling.factor", 1f)
            .tensor("blk.0.attn_q_norm.weight", F32, new byte[16], 4)
            .tensor("blk.0.attn_k_norm.weight", F32, new byte[16], 4),
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("HunYuanDenseV1ForCausalLM"))
              .containsEntry("rope_theta", 500_000.0)
              .doesNotContainKeys("rope_scaling", "rope_interleaved");
          assertThat(checkpoint.tensorNames())
              .contains(
                  "model.layers.0.self_attn.query_layernorm.weight",
                  "model.layers.0.self_attn.key_layernorm.weight");
        });
  }

  @Test
  void hunyuan_files_with_experts_say_how_wide_the_one_is_that_all_rows_go_to() throws IOException {
    GgufWriter file =
        experts("hunyuan-moe")
            .put("hunyuan-moe.expert_feed_forward_length", 4)
            .put("hunyuan-moe.expert_shared_count", 2)
            .put("hunyuan-moe.expert_shared_feed_forward_length", 6)
            .tensor("blk.0.ffn_up_shexp.weight", F32, sixNumbers(), 2, 3);
    accepted(
        file,
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("HunYuanMoEV1ForCausalLM"))
              .containsEntry("num_experts", 3L)
              .containsEntry("moe_topk", 2L)
              .containsEntry("moe_intermediate_size", 4L)
              .containsEntry("num_shared_expert", 1L)
              .containsEntry("intermediate_size", 6L);
          assertThat(checkpoint.tensorNames())
              .contains("model.layers.0.mlp.shared_mlp.up_proj.weight");
        });
    refused(file.put("hunyuan-moe.expert_gating_func", 2).file(), "hunyuan-moe.expert_gating_func");
  }

  private static GgufWriter llama4() {
    return llama4(3);
  }

  private static GgufWriter llama4(int experts) {
    return named("llama4", 2)
        .put("llama4.expert_count", experts)
        .put("llama4.expert_used_count", 1)
        .put("llama4.expert_feed_forward_length", 4)
        .put(LLAMA4_INTERVAL, 2);
  }

  @Test
  void llama4_files_have_chunks_and_norms_of_which_they_say_nothing() throws IOException {
    accepted(
        llama4().tensor("blk.1.ffn_up_shexp.weight", F32, sixNumbers(), 2, 3),
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("Llama4ForCausalLM"))
              .containsEntry("rope_interleaved", true)
              .containsEntry("attention_chunk_size", 8192L)
              .containsEntry("num_local_experts", 3L)
              .containsEntry("num_experts_per_tok", 1L)
              .containsEntry("intermediate_size", 4L)
              .containsEntry("interleave_moe_layer_step", 2L)
              .containsEntry("use_qk_norm", true)
              .doesNotContainKeys("layer_types", "sliding_window");
          assertThat(checkpoint.tensorNames())
              .contains("model.layers.1.feed_forward.shared_expert.up_proj.weight");
        });
    accepted(
        llama4().put("llama4.attention.sliding_window", 0),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("layer_types", List.of("full_attention", "full_attention"))
                .containsEntry("no_rope_layers", List.of(1L, 1L)));
    accepted(
        llama4(128).put("llama4.expert_gating_func", 2),
        checkpoint -> assertThat(checkpoint.config()).containsEntry("use_qk_norm", false));
  }

  @Test
  void llama4_files_with_other_windows_or_scores_are_refused() {
    refused(
        llama4().put("llama4.attention.sliding_window", 512).file(),
        "llama4.attention.sliding_window",
        "is 512; it must be 0, 8192 or missing");
    refused(
        llama4().put("llama4.attention.sliding_window_pattern", 2).file(),
        "llama4.attention.sliding_window_pattern",
        "must be 4");
    refused(llama4().put("llama4.expert_gating_func", 1).file(), "llama4.expert_gating_func");
    refused(
        named("llama4").put("llama4.expert_count", 3).put("llama4.expert_used_count", 1).file(),
        "llama4.expert_feed_forward_length");
  }
}
