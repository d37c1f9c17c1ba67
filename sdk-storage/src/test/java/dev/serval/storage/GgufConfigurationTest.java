package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.storage.Checkpoint;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What becomes of what a GGUF file says of its model. */
final class GgufConfigurationTest extends GgufCase {
  @Test
  void the_configuration_is_translated() throws IOException {
    accepted(
        sound().put("llama.rope.freq_base", 500_000f),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("LlamaForCausalLM"))
                .containsEntry("hidden_size", 8L)
                .containsEntry("head_dim", 4L)
                .containsEntry("num_key_value_heads", 1L)
                .containsEntry("rope_theta", 500_000.0)
                .containsEntry("rope_interleaved", true)
                .containsEntry("tie_word_embeddings", true)
                .containsEntry("vocab_size", 3L)
                .doesNotContainKey("rope_scaling"));
  }

  private static GgufWriter named(String architecture) {
    return new GgufWriter()
        .put("general.architecture", architecture)
        .sizes(architecture)
        .tensor("token_embd.weight", F32, new byte[96], 8, 3);
  }

  @Test
  void smollm3_files_turn_neighbours_as_llamas_do_and_others_do_not() throws IOException {
    accepted(
        named("smollm3"),
        checkpoint -> assertThat(checkpoint.config()).containsEntry("rope_interleaved", true));
    for (String architecture : List.of("qwen2", "qwen3", "phi3")) {
      accepted(
          named(architecture),
          checkpoint ->
              assertThat(checkpoint.config())
                  .containsEntry("model_type", architecture)
                  .doesNotContainKey("rope_interleaved"));
    }
  }

  @Test
  void llamas_under_other_names_are_llamas() throws IOException {
    for (String architecture : List.of("exaone", "internlm2")) {
      accepted(
          named(architecture),
          checkpoint ->
              assertThat(checkpoint.config())
                  .containsEntry("architectures", List.of("LlamaForCausalLM"))
                  .containsEntry("model_type", "llama")
                  .matches(config ->
                      config.containsKey("rope_interleaved") == architecture.equals("internlm2")));
    }
  }

  @Test
  void chatglm_files_may_have_one_map_of_queries_keys_and_values() throws IOException {
    accepted(
        named("chatglm")
            .tensor("blk.0.attn_qkv.weight", F32, new byte[512], 8, 16)
            .tensor("blk.0.attn_qkv.bias", F32, new byte[64], 16),
        checkpoint -> {
          assertThat(checkpoint.tensorNames())
              .contains(
                  "model.layers.0.self_attn.qkv_proj.weight",
                  "model.layers.0.self_attn.qkv_proj.bias");
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("GlmForCausalLM"))
              .containsEntry("rope_interleaved", true)
              .containsEntry("attention_bias", true)
              .containsEntry("qkv_together", true);
        });
    accepted(
        named("chatglm"),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("qkv_together", false)
                .doesNotContainKey("attention_bias"));
  }

  @Test
  void rotary_divisors_become_a_scaling() throws IOException {
    byte[] divisors = floats(1, 8);
    accepted(
        sound().tensor("rope_freqs.weight", F32, divisors, 2),
        checkpoint -> {
          assertThat(scaling(checkpoint)).contains("divisors", "1.0, 8.0");
          assertThat(checkpoint.tensorNames()).hasSize(2);
        });
    refused(
        sound().tensor("rope_freqs.weight", F32, new byte[8], 2).file(), "rope_freqs", "above 0");
  }

  @Test
  void linear_scaling_and_yarn_are_translated_and_other_scaling_refused() throws IOException {
    accepted(
        sound().put("llama.rope.scaling.type", "linear").put("llama.rope.scaling.factor", 4f),
        checkpoint -> assertThat(scaling(checkpoint)).contains("linear", "4.0"));
    accepted(
        yarn(4).put("llama.rope.scaling.yarn_beta_fast", 16f),
        checkpoint ->
            assertThat(scaling(checkpoint))
                .contains("yarn", "factor=4.0", "beta_fast=16.0", "1.138", "embeddings=64"));
    accepted(
        yarn(1), checkpoint -> assertThat(checkpoint.config()).doesNotContainKey("rope_scaling"));
    refused(yarn(4).put("llama.rope.scaling.yarn_ext_factor", 0f).file(), "yarn_ext_factor");
    refused(
        sound().put("llama.rope.scaling.type", "dynamic").file(),
        "llama.rope.scaling.type",
        "dynamic",
        "none, linear, yarn, longrope");
    refused(sound().put("llama.rope.scaling.attn_factor", 1.5f).file(), "attn_factor", "1.5");
  }

  private static GgufWriter yarn(float factor) {
    return sound()
        .put("llama.rope.scaling.type", "yarn")
        .put("llama.rope.scaling.factor", factor)
        .put("llama.rope.scaling.original_context_length", 64);
  }

  private static String scaling(Checkpoint checkpoint) {
    return checkpoint.config().get("rope_scaling").toString();
  }

  @Test
  void phi3_files_have_fused_maps_windows_and_two_sorts_of_divisors() throws IOException {
    accepted(
        phi3()
            .put("phi3.attention.sliding_window", 2047)
            .put("phi3.rope.dimension_count", 2)
            .put("phi3.rope.scaling.original_context_length", 64)
            .put("phi3.rope.scaling.attn_factor", 1.25f)
            .tensor("rope_factors_long.weight", F32, floats(8f), 1)
            .tensor("rope_factors_short.weight", F32, floats(1f), 1),
        checkpoint -> {
          assertThat(checkpoint.tensorNames())
              .contains(
                  "model.layers.0.self_attn.qkv_proj.weight",
                  "model.layers.0.mlp.gate_up_proj.weight")
              .hasSize(3);
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("Phi3ForCausalLM"))
              .containsEntry("sliding_window", 2047L)
              .containsEntry("partial_rotary_factor", 0.5);
          assertThat(scaling(checkpoint))
              .contains("longrope", "long_factor=[8.0]", "short_factor=[1.0]", "1.25", "64");
        });
    refused(
        phi3().tensor("rope_factors_long.weight", F32, floats(8f), 1).file(),
        "rope_factors_long",
        "rope_factors_short");
    refused(phi3().put("phi3.rope.scaling.type", "longrope").file(), "rope_factors_long");
  }

  @Test
  void gemma3_files_have_norms_with_whole_gains_and_layers_with_a_base_of_their_own()
      throws IOException {
    accepted(
        new GgufWriter()
            .put("general.architecture", "gemma3")
            .sizes("gemma3")
            .put("gemma3.attention.sliding_window", 512)
            .put("gemma3.rope.freq_base", 1e6f)
            .put("gemma3.rope.freq_base_swa", 20_000f)
            .tensor("token_embd.weight", F32, new byte[96], 8, 3)
            .tensor("blk.0.post_attention_norm.weight", F32, new byte[32], 8)
            .tensor("blk.0.ffn_norm.weight", F32, new byte[32], 8)
            .tensor("blk.0.post_ffw_norm.weight", F32, new byte[32], 8),
        checkpoint -> {
          assertThat(checkpoint.tensorNames())
              .contains(
                  "model.layers.0.post_attention_layernorm.weight",
                  "model.layers.0.pre_feedforward_layernorm.weight",
                  "model.layers.0.post_feedforward_layernorm.weight");
          assertThat(checkpoint.config())
              .containsEntry("model_type", "gemma3_text")
              .containsEntry("hidden_act", "gelu_pytorch_tanh")
              .containsEntry("norm_gains_less_one", false)
              .containsEntry("sliding_window", 512L)
              .containsEntry("rope_local_base_freq", 20_000.0)
              .containsEntry("query_pre_attn_scalar", 4L);
        });
  }

  @Test
  void gemma2_files_have_caps_and_a_window_whether_they_say_so_or_not() throws IOException {
    GgufWriter file =
        new GgufWriter()
            .put("general.architecture", "gemma2")
            .sizes("gemma2")
            .tensor("token_embd.weight", F32, new byte[96], 8, 3);
    accepted(
        file,
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("Gemma2ForCausalLM"))
                .containsEntry("hidden_act", "gelu_pytorch_tanh")
                .containsEntry("norm_gains_less_one", false)
                .containsEntry("query_pre_attn_scalar", 4L)
                .containsEntry("sliding_window", 4096L)
                .containsEntry("attn_logit_softcapping", 50.0)
                .containsEntry("final_logit_softcapping", 30.0));
    accepted(
        file.put("gemma2.attention.sliding_window", 64)
            .put("gemma2.attn_logit_softcapping", 20f)
            .put("gemma2.final_logit_softcapping", 10f),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("sliding_window", 64L)
                .containsEntry("attn_logit_softcapping", 20.0)
                .containsEntry("final_logit_softcapping", 10.0));
  }

  @Test
  void granite_files_have_multipliers_and_always_turn_heads() throws IOException {
    GgufWriter file =
        new GgufWriter()
            .put("general.architecture", "granite")
            .sizes("granite")
            .tensor("token_embd.weight", F32, new byte[96], 8, 3);
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
  void what_another_architecture_multiplies_or_caps_is_refused() throws IOException {
    for (String key : List.of("attn_logit_softcapping", "residual_scale", "attention.scale")) {
      refused(sound().put("llama." + key, 7f).file(), "llama." + key, "7.0");
    }
  }

  @Test
  void what_the_forward_pass_does_not_do_is_refused_by_its_key() {
    refused(sound().put("llama.expert_shared_count", 1).file(), "llama.expert_shared_count", "1");
    refused(sound().put("llama.expert_gating_func", 2).file(), "llama.expert_gating_func", "2");
    refused(sound().put("llama.expert_count", 8).file(), "llama.expert_used_count");
    refused(phi3().put("phi3.expert_count", 8).file(), "phi3.expert_count", "8");
    for (int dimensions : new int[] {0, 3, 6}) {
      refused(
          sound().put("llama.rope.dimension_count", dimensions).file(),
          "llama.rope.dimension_count");
    }
    refused(sound().put("llama.attention.value_length", 2).file(), "llama.attention.value_length");
    refused(sound().put("llama.logit_scale", 2f).file(), "llama.logit_scale");
    refused(sound().put("llama.attention.causal", false).file(), "llama.attention.causal");
    refused(sound().put("split.count", 3).file(), "split.count", "00001-of-00003");
    refused(
        new GgufWriter().put("general.architecture", "mamba").file(), "mamba", "llama", "qwen3");
    refused(
        phi3().tensor("blk.0.ffn_gate_inp.weight", F32, new byte[32], 8).file(),
        "blk.0.ffn_gate_inp.weight");
  }

  @Test
  void a_missing_size_is_refused_by_its_key() {
    refused(
        new GgufWriter().put("general.architecture", "llama").file(), "llama.attention.head_count");
  }

  private static GgufWriter phi3() {
    return new GgufWriter()
        .put("general.architecture", "phi3")
        .sizes("phi3")
        .tensor("token_embd.weight", F32, new byte[96], 8, 3)
        .tensor("blk.0.attn_qkv.weight", F32, new byte[32], 8)
        .tensor("blk.0.ffn_up.weight", F32, new byte[32], 8);
  }

  private static GgufWriter normBehindAttention(String architecture) {
    return new GgufWriter()
        .put("general.architecture", architecture)
        .sizes(architecture)
        .tensor("token_embd.weight", F32, new byte[96], 8, 3)
        .tensor("blk.0.post_attention_norm.weight", F32, new byte[32], 8);
  }

  private static GgufWriter normsBehind(String architecture) {
    return normBehindAttention(architecture)
        .tensor("blk.0.attn_q_norm.weight", F32, new byte[32], 8)
        .tensor("blk.0.post_ffw_norm.weight", F32, new byte[32], 8);
  }

  @Test
  void olmo2_files_are_of_olmo3_where_there_is_a_window() throws IOException {
    accepted(
        normsBehind("olmo2"),
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("Olmo2ForCausalLM"))
              .containsEntry("model_type", "olmo2")
              .doesNotContainKeys("sliding_window", "layer_types");
          String layer = "model.layers.0.";
          assertThat(checkpoint.tensorNames())
              .contains(
                  layer + "self_attn.q_norm.weight",
                  layer + "post_attention_layernorm.weight",
                  layer + "post_feedforward_layernorm.weight");
        });
    accepted(
        normsBehind("olmo2").put("olmo2.attention.sliding_window", 7),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("Olmo3ForCausalLM"))
                .containsEntry("model_type", "olmo3")
                .containsEntry("sliding_window", 7L)
                .doesNotContainKey("layer_types"));
  }

  @Test
  void which_layers_have_a_window_is_said_for_each_or_all_but_every_fourth() throws IOException {
    for (String architecture : List.of("olmo2", "exaone4")) {
      String pattern = architecture + ".attention.sliding_window_pattern";
      accepted(
          windowed(architecture).flags(pattern, true),
          checkpoint ->
              assertThat(checkpoint.config())
                  .containsEntry("layer_types", List.of("sliding_attention")));
      refused(windowed(architecture).flags(pattern, true, false).file(), pattern, "2", "1 layers");
      accepted(
          windowed(architecture).put(pattern, 4),
          checkpoint -> assertThat(checkpoint.config()).doesNotContainKey("layer_types"));
      refused(windowed(architecture).put(pattern, 3).file(), pattern, "3", "4");
      refused(windowed(architecture).put(pattern, "LLLG").file(), pattern, "whole number");
      refused(windowed(architecture).texts(pattern, List.of("L")).file(), pattern, "ARRAY of BOOL");
    }
  }

  private static GgufWriter windowed(String architecture) {
    return normsBehind(architecture).put(architecture + ".attention.sliding_window", 7);
  }

  @Test
  void seed_oss_files_have_biases_or_none() throws IOException {
    for (boolean bias : List.of(true, false)) {
      GgufWriter file = normBehindAttention("seed_oss");
      if (bias) {
        file.tensor("blk.0.attn_q.bias", F32, new byte[32], 8);
      }
      accepted(
          file,
          checkpoint -> {
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("SeedOssForCausalLM"))
                .containsEntry("attention_bias", bias);
            assertThat(checkpoint.tensorNames())
                .contains("model.layers.0.post_attention_layernorm.weight");
          });
    }
  }

  @Test
  void glm4_files_have_gates_and_ups_in_one_and_norms_at_both_ends() throws IOException {
    GgufWriter file =
        new GgufWriter()
            .put("general.architecture", "glm4")
            .sizes("glm4")
            .put("glm4.rope.dimension_count", 2)
            .tensor("token_embd.weight", F32, new byte[96], 8, 3)
            .tensor("blk.0.post_attention_norm.weight", F32, new byte[32], 8)
            .tensor("blk.0.ffn_norm.weight", F32, new byte[32], 8)
            .tensor("blk.0.ffn_up.weight", F32, new byte[32], 8)
            .tensor("blk.0.post_ffw_norm.weight", F32, new byte[32], 8);
    accepted(
        file,
        checkpoint -> {
          assertThat(checkpoint.config())
              .containsEntry("model_type", "glm4")
              .containsEntry("rope_interleaved", true)
              .containsEntry("partial_rotary_factor", 0.5);
          assertThat(checkpoint.tensorNames())
              .contains(
                  "model.layers.0.post_self_attn_layernorm.weight",
                  "model.layers.0.post_attention_layernorm.weight",
                  "model.layers.0.mlp.gate_up_proj.weight",
                  "model.layers.0.post_mlp_layernorm.weight");
        });
    refused(file.put("glm4.rope.dimension_sections", 2).file(), "glm4.rope.dimension_sections");
  }

  @Test
  void minicpm_files_say_what_is_multiplied() throws IOException {
    GgufWriter file =
        new GgufWriter()
            .put("general.architecture", "minicpm")
            .sizes("minicpm", 4)
            .put("minicpm.embedding_scale", 12f)
            .put("minicpm.residual_scale", 0.5f)
            .tensor("token_embd.weight", F32, new byte[96], 8, 3);
    refused(file.file(), "minicpm.logit_scale");
    accepted(
        file.put("minicpm.logit_scale", 2f),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("MiniCPMForCausalLM"))
                .containsEntry("rope_interleaved", true)
                .containsEntry("scale_emb", 12.0)
                .containsEntry("scale_depth", 1.0)
                .containsEntry("dim_model_base", 4.0));
  }

  private static GgufWriter linear(String architecture, int layers) {
    return linear(architecture, layers, 3, 12);
  }

  private static GgufWriter linear(String architecture, int layers, int heads, int columns) {
    return new GgufWriter()
        .put("general.architecture", architecture)
        .sizes(architecture, layers)
        .put(architecture + ".attention.key_length", 8)
        .put(architecture + ".attention.value_length", 8)
        .put(architecture + ".rope.dimension_count", 2)
        .put(architecture + ".ssm.conv_kernel", 5)
        .put(architecture + ".ssm.state_size", 6)
        .put(architecture + ".ssm.group_count", 1)
        .put(architecture + ".ssm.time_step_rank", heads)
        .put(architecture + ".ssm.inner_size", columns)
        .tensor("token_embd.weight", F32, new byte[96], 8, 3);
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

  private static GgufWriter ofTwoKinds(String architecture, int layers) {
    return new GgufWriter()
        .put("general.architecture", architecture)
        .sizesButHeads(architecture, layers)
        .tensor("token_embd.weight", F32, new byte[96], 8, 3);
  }

  private static GgufWriter lfm2(int layers) {
    return ofTwoKinds("lfm2", layers).put("lfm2.shortconv.l_cache", 3);
  }

  private static GgufWriter lfm2(Integer... heads) {
    return lfm2(heads.length).integers("lfm2.attention.head_count_kv", List.of(heads));
  }

  private static GgufWriter layers(GgufWriter file, String... names) {
    for (String name : names) {
      file.tensor("blk." + name, F32, new byte[32], 8);
    }
    return file;
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

  private static GgufWriter granite(int layers, int heads, int columns) {
    return ofTwoKinds("granitehybrid", layers)
        .put("granitehybrid.ssm.conv_kernel", 4)
        .put("granitehybrid.ssm.state_size", 6)
        .put("granitehybrid.ssm.group_count", 1)
        .put("granitehybrid.ssm.time_step_rank", heads)
        .put("granitehybrid.ssm.inner_size", columns);
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

  private static GgufWriter nemotronH(List<Integer> heads, List<Integer> widths) {
    return new GgufWriter()
        .put("general.architecture", "nemotron_h")
        .sizesOfAll("nemotron_h", heads.size())
        .tensor("token_embd.weight", F32, new byte[96], 8, 3)
        .integers("nemotron_h.attention.head_count_kv", heads)
        .integers("nemotron_h.feed_forward_length", widths)
        .put("nemotron_h.attention.layer_norm_epsilon", 1e-5f)
        .put("nemotron_h.ssm.conv_kernel", 4)
        .put("nemotron_h.ssm.state_size", 6)
        .put("nemotron_h.ssm.group_count", 2)
        .put("nemotron_h.ssm.time_step_rank", 2)
        .put("nemotron_h.ssm.inner_size", 16);
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
    refused(layers(linear("qwen35", 4), "0.ssm_d").file(), "'blk.0.ssm_d' is unknown");
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

  @Test
  void models_that_see_have_a_part_for_texts() throws IOException {
    Map<String, String> parts =
        Map.of("qwen2vl", "Qwen2ForCausalLM", "qwen3vl", "Qwen3ForCausalLM");
    for (Map.Entry<String, String> part : parts.entrySet()) {
      String architecture = part.getKey();
      accepted(
          new GgufWriter()
              .put("general.architecture", architecture)
              .sizes(architecture)
              .integers(architecture + ".rope.dimension_sections", List.of(1, 1, 0, 0))
              .tensor("token_embd.weight", F32, new byte[96], 8, 3),
          checkpoint ->
              assertThat(checkpoint.config())
                  .containsEntry("architectures", List.of(part.getValue())));
    }
  }
}
