package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.storage.Checkpoint;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What becomes of GGUF files whose attention is latent. */
final class GgufLatentTest extends GgufCase {
  private static final String HEAD_KEYS = "deepseek2.attention.key_length_mla";
  private static final String HEAD_VALUES = "deepseek2.attention.value_length_mla";
  private static final String SCORING = "deepseek2.expert_gating_func";

  private static final String RANK = "deepseek2.attention.kv_lora_rank";
  private static final String TURNED = "deepseek2.rope.dimension_count";

  private static GgufWriter unsized(int layers) {
    return named("deepseek2", layers)
        .tensor("blk.0.attn_kv_a_mqa.weight", F32, new byte[256], 8, 8)
        .tensor("blk.0.attn_kv_a_norm.weight", F32, new byte[24], 6);
  }

  /** Keys and values are made of 6 dimensions; 2 of a head turn. */
  private static GgufWriter latent(int layers) {
    return unsized(layers).put(RANK, 6).put(TURNED, 2);
  }

  /** As converters write them by now. */
  private static GgufWriter apart(int layers) {
    return latent(layers)
        .put("deepseek2.attention.key_length", 8)
        .put("deepseek2.attention.value_length", 6)
        .put(HEAD_KEYS, 6)
        .put(HEAD_VALUES, 3)
        .tensor("blk.0.attn_k_b.weight", F32, new byte[192], 4, 6, 2)
        .tensor("blk.0.attn_v_b.weight", F32, new byte[144], 6, 3, 2);
  }

  private static GgufWriter experts(GgufWriter file) {
    return file.put("deepseek2.expert_count", 4)
        .put("deepseek2.expert_used_count", 2)
        .put("deepseek2.expert_feed_forward_length", 5)
        .put("deepseek2.expert_shared_count", 2)
        .put("deepseek2.leading_dense_block_count", 1)
        .tensor("blk.1.ffn_gate_inp.weight", F32, new byte[128], 8, 4)
        .tensor("blk.1.ffn_down_exps.weight", F32, floats(0, 1, 2, 3, 4, 5, 6, 7), 1, 2, 4)
        .tensor("blk.1.ffn_up_shexp.weight", F32, new byte[320], 8, 10);
  }

  @Test
  void without_experts_a_file_is_a_deepseek_v3_with_dense_layers_alone() throws IOException {
    accepted(
        apart(1),
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("DeepseekV3ForCausalLM"))
              .containsEntry("model_type", "deepseek_v3")
              .containsEntry("kv_lora_rank", 6L)
              .containsEntry("qk_nope_head_dim", 4L)
              .containsEntry("qk_rope_head_dim", 2L)
              .containsEntry("v_head_dim", 3L)
              .containsEntry("kv_b_apart", true)
              .containsEntry("rope_interleaved", true)
              .containsEntry("partial_rotary_factor", 1.0)
              .containsEntry("num_nextn_predict_layers", 0L)
              .doesNotContainKeys(
                  "q_lora_rank",
                  "head_dim",
                  "num_key_value_heads",
                  "rope_scaling",
                  "n_routed_experts",
                  "topk_method");
        });
  }

  @Test
  void queries_may_be_made_of_fewer_dimensions_and_a_rank_of_0_is_none() throws IOException {
    String rank = "deepseek2.attention.q_lora_rank";
    accepted(
        apart(1).put(rank, 5),
        checkpoint -> assertThat(checkpoint.config()).containsEntry("q_lora_rank", 5L));
    accepted(
        apart(1).put(rank, 0),
        checkpoint -> assertThat(checkpoint.config()).doesNotContainKey("q_lora_rank"));
  }

  @Test
  void tensors_are_called_as_those_of_deepseek_are() throws IOException {
    GgufWriter file =
        experts(apart(2))
            .put(SCORING, 2)
            .tensor("blk.0.attn_q_a.weight", F32, new byte[160], 8, 5)
            .tensor("blk.0.attn_q_a_norm.weight", F32, new byte[20], 5)
            .tensor("blk.0.attn_q_b.weight", F32, new byte[240], 5, 12)
            .tensor("blk.0.attn_output.weight", F32, new byte[192], 6, 8)
            .tensor("blk.1.attn_q.weight", F32, new byte[384], 8, 12)
            .tensor("blk.1.exp_probs_b.bias", F32, new byte[16], 4);
    accepted(
        file,
        checkpoint -> {
          String attention = "model.layers.0.self_attn.";
          String experts = "model.layers.1.mlp.";
          assertThat(checkpoint.tensorNames())
              .contains(
                  attention + "q_a_proj.weight",
                  attention + "q_a_layernorm.weight",
                  attention + "q_b_proj.weight",
                  attention + "kv_a_proj_with_mqa.weight",
                  attention + "kv_a_layernorm.weight",
                  attention + "k_b_proj.weight",
                  attention + "v_b_proj.weight",
                  attention + "o_proj.weight",
                  "model.layers.1.self_attn.q_proj.weight",
                  experts + "gate.weight",
                  experts + "gate.e_score_correction_bias",
                  experts + "experts.3.down_proj.weight",
                  experts + "shared_experts.up_proj.weight");
          assertThat(checkpoint.tensor(attention + "k_b_proj.weight").shape())
              .containsExactly(2L, 6L, 4L);
          assertThat(checkpoint.tensor(attention + "v_b_proj.weight").shape())
              .containsExactly(2L, 3L, 6L);
        });
  }

  @Test
  void experts_by_the_logistic_function_are_those_of_deepseek_v3() throws IOException {
    GgufWriter file =
        experts(apart(3))
            .put(SCORING, 2)
            .put("deepseek2.expert_group_count", 2)
            .put("deepseek2.expert_group_used_count", 1)
            .put("deepseek2.expert_weights_norm", true)
            .put("deepseek2.expert_weights_scale", 2.5f)
            .put("deepseek2.nextn_predict_layers", 1)
            .tensor("blk.2.nextn.eh_proj.weight", F32, new byte[24], 2, 3);
    accepted(
        file,
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("DeepseekV3ForCausalLM"))
              .containsEntry("num_hidden_layers", 2L)
              .containsEntry("num_nextn_predict_layers", 1L)
              .containsEntry("n_routed_experts", 4L)
              .containsEntry("num_experts_per_tok", 2L)
              .containsEntry("moe_intermediate_size", 5L)
              .containsEntry("n_shared_experts", 2L)
              .containsEntry("first_k_dense_replace", 1L)
              .containsEntry("n_group", 2L)
              .containsEntry("topk_group", 1L)
              .containsEntry("norm_topk_prob", true)
              .containsEntry("routed_scaling_factor", 2.5)
              .doesNotContainKey("topk_method");
          assertThat(checkpoint.tensorNames()).contains("model.layers.2.nextn.eh_proj.weight");
        });
    refused(experts(apart(2)).put(SCORING, 3).file(), SCORING, "is 3.0; it must be 2.0");
  }

  @Test
  void experts_by_a_softmax_are_those_of_deepseek_v2() throws IOException {
    for (boolean said : List.of(false, true)) {
      GgufWriter file = experts(apart(2));
      accepted(
          said ? file.put(SCORING, 1) : file,
          checkpoint ->
              assertThat(checkpoint.config())
                  .containsEntry("architectures", List.of("DeepseekV2ForCausalLM"))
                  .containsEntry("model_type", "deepseek_v2")
                  .containsEntry("topk_method", "greedy")
                  .containsEntry("n_group", 1L)
                  .containsEntry("topk_group", 1L)
                  .containsEntry("norm_topk_prob", false)
                  .containsEntry("routed_scaling_factor", 1.0));
    }
    accepted(
        experts(apart(2))
            .put("deepseek2.expert_group_count", 4)
            .put("deepseek2.expert_group_used_count", 2),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("DeepseekV2ForCausalLM"))
                .containsEntry("topk_method", "group_limited_greedy")
                .containsEntry("n_group", 4L)
                .containsEntry("topk_group", 2L));
  }

  private static GgufWriter yarn() {
    return apart(1)
        .put("deepseek2.rope.scaling.type", "yarn")
        .put("deepseek2.rope.scaling.factor", 4f)
        .put("deepseek2.rope.scaling.original_context_length", 16);
  }

  private static Map<?, ?> scaling(Checkpoint checkpoint) {
    return (Map<?, ?>) checkpoint.config().get("rope_scaling");
  }

  @Test
  void a_logarithm_s_multiplier_sharpens_all_dimensions_and_turned_ones_no_further()
      throws IOException {
    accepted(
        yarn().put("deepseek2.rope.scaling.yarn_log_multiplier", 0.125f),
        checkpoint -> {
          Map<?, ?> scaling = scaling(checkpoint);
          assertThat(scaling.get("rope_type")).isEqualTo("yarn");
          assertThat(scaling.get("factor")).isEqualTo(4.0);
          assertThat(scaling.get("original_max_position_embeddings")).isEqualTo(16L);
          assertThat(scaling.get("mscale")).isEqualTo(1.25);
          assertThat(scaling.get("mscale_all_dim")).isEqualTo(1.25);
          assertThat(scaling.get("attention_factor")).isEqualTo(1.0);
        });
    accepted(
        yarn(),
        checkpoint -> {
          assertThat(scaling(checkpoint).containsKey("mscale_all_dim")).isFalse();
          assertThat(scaling(checkpoint).get("attention_factor")).isEqualTo(1 + 0.1 * Math.log(4));
        });
  }

  @Test
  void older_files_have_the_sizes_of_heads_under_the_usual_keys_and_one_map_of_both()
      throws IOException {
    accepted(
        latent(1)
            .put("deepseek2.attention.key_length", 6)
            .put("deepseek2.attention.value_length", 3)
            .tensor("blk.0.attn_kv_b.weight", F32, new byte[336], 6, 14),
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("qk_nope_head_dim", 4L)
              .containsEntry("qk_rope_head_dim", 2L)
              .containsEntry("v_head_dim", 3L)
              .containsEntry("kv_b_apart", false);
          assertThat(checkpoint.tensor("model.layers.0.self_attn.kv_b_proj.weight").shape())
              .containsExactly(14L, 6L);
        });
  }

  @Test
  void sizes_that_are_missing_or_do_not_fit_are_refused() {
    refused(
        latent(1).put(HEAD_KEYS, 2).put(HEAD_VALUES, 3).file(),
        HEAD_KEYS,
        "is 2; it must be more than turn, 2");
    refused(latent(1).file(), "has no metadata", "deepseek2.attention.key_length");
    refused(
        latent(1).put(HEAD_KEYS, 6).file(), "has no metadata", "deepseek2.attention.value_length");
    GgufWriter sized = unsized(1).put(HEAD_KEYS, 6).put(HEAD_VALUES, 3);
    refused(sized.file(), "has no metadata", TURNED);
    refused(sized.put(TURNED, 3).file(), TURNED, "is 3; it must be an even number");
    refused(
        unsized(1).put(HEAD_KEYS, 6).put(HEAD_VALUES, 3).put(TURNED, 2).file(),
        "has no metadata",
        RANK);
    refused(
        experts(apart(2)).put("deepseek2.expert_group_count", 2).file(),
        "has no metadata",
        "deepseek2.expert_group_used_count");
    refused(
        apart(1).put("deepseek2.attention.sliding_window", 7).file(),
        "deepseek2.attention.sliding_window");
  }

  private static GgufWriter latent(String architecture) {
    return named(architecture, 1)
        .put(architecture + ".attention.key_length", 6)
        .put(architecture + ".attention.kv_lora_rank", 6)
        .put(architecture + ".rope.dimension_count", 2)
        .tensor("blk.0.attn_kv_a_mqa.weight", F32, new byte[256], 8, 8);
  }

  @Test
  void minicpm3_files_do_not_say_by_what_is_multiplied_or_how_large_values_are()
      throws IOException {
    accepted(
        latent("minicpm3")
            .tensor("rope_factors_long.weight", F32, floats(2), 1)
            .tensor("rope_factors_short.weight", F32, floats(1), 1),
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("MiniCPM3ForCausalLM"))
              .containsEntry("qk_nope_head_dim", 4L)
              .containsEntry("v_head_dim", 4L)
              .containsEntry("rope_interleaved", false)
              .containsEntry("scale_emb", 12.0)
              .containsEntry("scale_depth", 1.4)
              .containsEntry("dim_model_base", 256.0);
          assertThat(checkpoint.config().get("rope_scaling").toString())
              .contains(
                  "original_max_position_embeddings="
                      + checkpoint.config().get("max_position_embeddings"));
        });
  }

  @Test
  void plm_files_have_no_gates() throws IOException {
    refused(latent("plm").file(), "plm.attention.value_length");
    accepted(
        latent("plm").put("plm.attention.value_length", 3),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("PLMForCausalLM"))
                .containsEntry("hidden_act", "relu2")
                .containsEntry("v_head_dim", 3L)
                .containsEntry("rope_interleaved", true));
  }
}
