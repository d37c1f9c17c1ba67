package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.storage.FileRange;
import dev.serval.api.storage.StoredTensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What becomes of the experts of a GGUF file. */
final class GgufExpertsTest extends GgufCase {
  @Test
  void a_llama_with_experts_is_a_mixtral_each_of_whose_experts_has_tensors_of_its_own()
      throws IOException {
    GgufWriter file =
        experts("llama").tensor("blk.0.ffn_up_exps.weight", F32, sixNumbers(), 1, 2, 3);
    accepted(
        file,
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("MixtralForCausalLM"))
              .containsEntry("num_local_experts", 3L)
              .containsEntry("num_experts_per_tok", 2L)
              .containsEntry("intermediate_size", 16L);
          String moe = "model.layers.0.block_sparse_moe.";
          assertThat(checkpoint.tensorNames()).contains(moe + "gate.weight").hasSize(5);
          for (int expert = 0; expert < 3; expert++) {
            StoredTensor up = checkpoint.tensor(moe + "experts." + expert + ".w3.weight");
            assertThat(up.shape()).containsExactly(2L, 1L);
            assertThat(up.element(0)).isEqualTo(2 * expert);
            assertThat(up.element(1)).isEqualTo(2 * expert + 1);
          }
        });
    accepted(
        file.put("llama.attention.sliding_window", 32),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("model_type", "mixtral")
                .containsEntry("sliding_window", 32L));
  }

  @Test
  void where_an_experts_bytes_lie_in_the_file_is_known() throws IOException {
    accepted(
        experts("llama").tensor("blk.0.ffn_up_exps.weight", F32, sixNumbers(), 1, 2, 3),
        checkpoint -> {
          StoredTensor last =
              checkpoint.tensor("model.layers.0.block_sparse_moe.experts.2.w3.weight");
          FileRange range = last.file().orElseThrow();
          byte[] there =
              Arrays.copyOfRange(
                  read(range.path()), (int) range.offset(), (int) (range.offset() + range.bytes()));
          assertThat(there).isEqualTo(last.data().toArray(ValueLayout.JAVA_BYTE));
        });
  }

  private static byte[] read(Path path) {
    try {
      return Files.readAllBytes(path);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void qwen3_files_with_experts_have_shares_that_add_up() throws IOException {
    accepted(
        experts("qwen3moe")
            .put("qwen3moe.expert_feed_forward_length", 4)
            .tensor("blk.0.ffn_down_exps.weight", F32, sixNumbers(), 1, 2, 3),
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("Qwen3MoeForCausalLM"))
              .containsEntry("num_experts", 3L)
              .containsEntry("moe_intermediate_size", 4L)
              .containsEntry("norm_topk_prob", true);
          assertThat(checkpoint.tensorNames())
              .contains(
                  "model.layers.0.mlp.gate.weight",
                  "model.layers.0.mlp.experts.2.down_proj.weight");
        });
    refused(experts("qwen3moe").file(), "qwen3moe.expert_feed_forward_length");
  }

  private static GgufWriter gptOss() {
    return experts("gpt-oss")
        .put("gpt-oss.expert_feed_forward_length", 4)
        .put("gpt-oss.attention.sliding_window", 128)
        .tensor("blk.0.attn_q.bias", F32, new byte[32], 8)
        .tensor("blk.0.attn_sinks.weight", F32, new byte[32], 8)
        .tensor("blk.0.post_attention_norm.weight", F32, new byte[32], 8)
        .tensor("blk.0.ffn_gate_inp.bias", F32, new byte[32], 3)
        .tensor("blk.0.ffn_up_exps.bias", F32, sixNumbers(), 2, 3);
  }

  @Test
  void gpt_oss_files_have_sinks_and_each_expert_s_biases() throws IOException {
    accepted(
        gptOss()
            .put("gpt-oss.rope.scaling.type", "yarn")
            .put("gpt-oss.rope.scaling.factor", 32f)
            .put("gpt-oss.rope.scaling.original_context_length", 4096),
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("GptOssForCausalLM"))
              .containsEntry("model_type", "gpt_oss")
              .containsEntry("intermediate_size", 4L)
              .containsEntry("num_local_experts", 3L)
              .containsEntry("num_experts_per_tok", 2L)
              .containsEntry("attention_bias", true)
              .containsEntry("sliding_window", 128L)
              .containsKey("rope_scaling");
          String layer = "model.layers.0.";
          assertThat(checkpoint.tensorNames())
              .contains(
                  layer + "self_attn.sinks",
                  layer + "post_attention_layernorm.weight",
                  layer + "mlp.router.weight",
                  layer + "mlp.router.bias");
          StoredTensor bias = checkpoint.tensor(layer + "mlp.experts.2.up_proj.bias");
          assertThat(bias.shape()).containsExactly(2L);
          assertThat(bias.element(1)).isEqualTo(5);
        });
    refused(experts("gpt-oss").file(), "gpt-oss.expert_feed_forward_length");
    refused(
        experts("gpt-oss").put("gpt-oss.expert_feed_forward_length", 4).file(),
        "gpt-oss.attention.sliding_window");
    refused(
        gptOss().tensor("blk.0.ffn_gate_exps.bias", F32, sixNumbers(), 1, 2, 3).file(),
        "blk.0.ffn_gate_exps.bias",
        "[3, 2, 1]",
        "vectors");
  }

  @Test
  void olmoe_files_have_shares_that_do_not_add_up() throws IOException {
    accepted(
        experts("olmoe").tensor("blk.0.ffn_down_exps.weight", F32, sixNumbers(), 1, 2, 3),
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("OlmoeForCausalLM"))
              .containsEntry("num_experts", 3L)
              .containsEntry("intermediate_size", 16L)
              .containsEntry("norm_topk_prob", false);
          assertThat(checkpoint.tensorNames())
              .contains(
                  "model.layers.0.mlp.gate.weight",
                  "model.layers.0.mlp.experts.2.down_proj.weight");
        });
    refused(experts("olmoe").put("olmoe.attention.sliding_window", 7).file(), "sliding_window");
  }

  @Test
  void experts_that_are_no_matrices_or_too_many_are_refused() {
    refused(
        experts("llama").tensor("blk.0.ffn_up_exps.weight", F32, sixNumbers(), 2, 3).file(),
        "blk.0.ffn_up_exps.weight",
        "[3, 2]",
        "matrices");
    refused(
        experts("llama")
            .tensor("blk.0.ffn_up_exps.weight", F32, new byte[4 * 1025], 1, 1, 1025)
            .file(),
        "[1025, 1, 1]",
        "1024");
  }

  @Test
  void qwen2_files_with_experts_have_one_that_all_rows_go_to() throws IOException {
    GgufWriter file =
        experts("qwen2moe")
            .put("qwen2moe.expert_feed_forward_length", 4)
            .tensor("blk.0.attn_q.bias", F32, new byte[32], 8)
            .tensor("blk.0.ffn_gate_inp_shexp.weight", F32, new byte[32], 8)
            .tensor("blk.0.ffn_down_shexp.weight", F32, sixNumbers(), 2, 3);
    refused(file.file(), "qwen2moe.expert_shared_feed_forward_length");
    accepted(
        file.put("qwen2moe.expert_shared_feed_forward_length", 2),
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("Qwen2MoeForCausalLM"))
              .containsEntry("moe_intermediate_size", 4L)
              .containsEntry("shared_expert_intermediate_size", 2L)
              .containsEntry("norm_topk_prob", false)
              .doesNotContainKey("attention_bias");
          assertThat(checkpoint.tensorNames())
              .contains(
                  "model.layers.0.mlp.shared_expert_gate.weight",
                  "model.layers.0.mlp.shared_expert.down_proj.weight");
        });
  }

  private static GgufWriter miniMax(int scoring) {
    return experts("minimax-m2")
        .put("minimax-m2.expert_feed_forward_length", 4)
        .put("minimax-m2.expert_gating_func", scoring)
        .put("minimax-m2.rope.dimension_count", 2)
        .tensor("blk.0.exp_probs_b.bias", F32, new byte[12], 3)
        .tensor("blk.0.ffn_down_exps.weight", F32, sixNumbers(), 1, 2, 3);
  }

  @Test
  void minimax_files_have_experts_under_mixtrals_names_by_the_logistic_function()
      throws IOException {
    accepted(
        miniMax(2),
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("MiniMaxM2ForCausalLM"))
              .containsEntry("num_local_experts", 3L)
              .containsEntry("num_experts_per_tok", 2L)
              .containsEntry("intermediate_size", 4L)
              .containsEntry("partial_rotary_factor", 0.5);
          assertThat(checkpoint.tensorNames())
              .contains(
                  "model.layers.0.block_sparse_moe.gate.weight",
                  "model.layers.0.block_sparse_moe.e_score_correction_bias",
                  "model.layers.0.block_sparse_moe.experts.2.w2.weight");
        });
    refused(miniMax(1).file(), "minimax-m2.expert_gating_func", "is 1.0; it must be 2.0");
  }
}
