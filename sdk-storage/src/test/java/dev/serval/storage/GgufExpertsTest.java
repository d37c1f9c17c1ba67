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
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What becomes of the experts of a GGUF file. */
final class GgufExpertsTest extends GgufCase {
  private static GgufWriter experts(String architecture) {
    return experts(architecture, 1);
  }

  private static GgufWriter experts(String architecture, int layers) {
    return new GgufWriter()
        .put("general.architecture", architecture)
        .sizes(architecture, layers)
        .put(architecture + ".expert_count", 3)
        .put(architecture + ".expert_used_count", 2)
        .tensor("token_embd.weight", F32, new byte[96], 8, 3)
        .tensor("blk.0.ffn_gate_inp.weight", F32, new byte[96], 8, 3);
  }

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

  private static byte[] sixNumbers() {
    return floats(0, 1, 2, 3, 4, 5);
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

  private static GgufWriter linear(String architecture) {
    return new GgufWriter()
        .put("general.architecture", architecture)
        .sizesButWidth(architecture, 4)
        .put(architecture + ".ssm.conv_kernel", 4)
        .put(architecture + ".ssm.state_size", 4)
        .put(architecture + ".ssm.group_count", 2)
        .put(architecture + ".ssm.time_step_rank", 4)
        .put(architecture + ".ssm.inner_size", 16)
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
      refused(linear(name).file(), name + ".expert_shared_feed_forward_length");
      accepted(
          linear(name)
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
        linear("qwen3next")
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
        linear("qwen35moe")
            .put("qwen35moe.expert_shared_feed_forward_length", 2)
            .integers("qwen35moe.rope.dimension_sections", List.of(1, 1, 0, 0))
            .tensor("blk.0.ssm_alpha.weight", F32, new byte[32], 8),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("model_type", "qwen3_5_moe_text")
                .containsEntry("linear_value_heads_tiled", true)
                .containsEntry("experts_apart", true));
    GgufWriter next =
        linear("qwen3next")
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

  private static GgufWriter lfm2(int scoring) {
    return new GgufWriter()
        .put("general.architecture", "lfm2moe")
        .sizesButHeads("lfm2moe", 2)
        .integers("lfm2moe.attention.head_count_kv", List.of(0, 1))
        .put("lfm2moe.shortconv.l_cache", 3)
        .put("lfm2moe.expert_count", 3)
        .put("lfm2moe.expert_used_count", 2)
        .put("lfm2moe.expert_gating_func", scoring)
        .tensor("token_embd.weight", F32, new byte[96], 8, 3)
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
    refused(lfm2(2).file(), width);
    refused(lfm2(1).put(width, 4).file(), "lfm2moe.expert_gating_func", "is 1.0; it must be 2.0");
    accepted(
        lfm2(2).put(width, 4).put("lfm2moe.leading_dense_block_count", 1),
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
        lfm2(2).put(width, 4).put("lfm2moe.expert_weights_scale", 2.5f),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("num_dense_layers", 0L)
                .containsEntry("routed_scaling_factor", 2.5));
    accepted(
        lfm2(2).put(width, 4).put("lfm2moe.expert_weights_scale", 0f),
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

  private static GgufWriter graniteHybrid() {
    return new GgufWriter()
        .put("general.architecture", "granitehybrid")
        .sizesButHeads("granitehybrid", 2)
        .integers("granitehybrid.attention.head_count_kv", List.of(0, 1))
        .put("granitehybrid.ssm.conv_kernel", 4)
        .put("granitehybrid.ssm.state_size", 4)
        .put("granitehybrid.ssm.group_count", 1)
        .put("granitehybrid.ssm.time_step_rank", 2)
        .put("granitehybrid.ssm.inner_size", 16)
        .tensor("token_embd.weight", F32, new byte[96], 8, 3);
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
