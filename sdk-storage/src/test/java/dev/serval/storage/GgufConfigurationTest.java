package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;

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

  @Test
  void seed_oss_files_have_biases_or_none() throws IOException {
    for (boolean bias : List.of(true, false)) {
      GgufWriter file = layer(named("seed_oss"), "post_attention_norm.weight");
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
        named("glm4")
            .put("glm4.rope.dimension_count", 2)
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
        named("minicpm", 4).put("minicpm.embedding_scale", 12f).put("minicpm.residual_scale", 0.5f);
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

  @Test
  void models_that_see_have_a_part_for_texts() throws IOException {
    Map<String, String> parts =
        Map.of("qwen2vl", "Qwen2ForCausalLM", "qwen3vl", "Qwen3ForCausalLM");
    for (Map.Entry<String, String> part : parts.entrySet()) {
      String architecture = part.getKey();
      accepted(
          named(architecture)
              .integers(architecture + ".rope.dimension_sections", List.of(1, 1, 0, 0)),
          checkpoint ->
              assertThat(checkpoint.config())
                  .containsEntry("architectures", List.of(part.getValue())));
    }
  }
}
