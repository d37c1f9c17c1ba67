package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * GGUF files of models whose norms are from the mean, or that have no gates, and of Ministral 3.
 */
final class GgufNormsTest extends GgufCase {
  private static final String EPSILON = ".attention.layer_norm_epsilon";

  @Test
  void what_norms_from_the_mean_add_has_the_name_that_a_model_gives_it() throws IOException {
    Map<String, String> fields =
        Map.of(
            "cohere2", "layer_norm_eps",
            "command-r", "layer_norm_eps",
            "nemotron", "norm_eps",
            "phi2", "layer_norm_eps",
            "stablelm", "layer_norm_eps",
            "starcoder2", "norm_epsilon");
    for (Map.Entry<String, String> field : fields.entrySet()) {
      String name = field.getKey();
      GgufWriter writer = centred(name);
      if (name.startsWith("co")) {
        writer.put(name + ".logit_scale", 0.5f);
      }
      accepted(
          writer,
          checkpoint ->
              assertThat(checkpoint.config())
                  .containsEntry(field.getValue(), 0.25)
                  .doesNotContainKey("rms_norm_eps"));
    }
    refused(
        new GgufWriter().put("general.architecture", "phi2").sizes("phi2").file(),
        "phi2" + EPSILON);
    refused(sound().put("llama" + EPSILON, 1e-5f).file(), "llama" + EPSILON, "0.0 or missing");
  }

  @Test
  void what_models_without_gates_have_in_their_place_is_that_of_their_architecture()
      throws IOException {
    Map<String, String> functions =
        Map.of(
            "nemotron", "relu2",
            "phi2", "gelu_new",
            "starcoder2", "gelu_pytorch_tanh",
            "stablelm", "silu");
    for (Map.Entry<String, String> function : functions.entrySet()) {
      accepted(
          centred(function.getKey()),
          checkpoint ->
              assertThat(checkpoint.config()).containsEntry("hidden_act", function.getValue()));
    }
    accepted(
        named("arcee"),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("ArceeForCausalLM"))
                .containsEntry("rope_interleaved", true)
                .containsEntry("hidden_act", "relu2"));
  }

  @Test
  void phi2_has_names_of_its_own_and_a_bias_of_logits() throws IOException {
    accepted(
        layer(
                centred("phi2"),
                "attn_q.bias",
                "attn_output.bias",
                "ffn_up.bias",
                "ffn_down.bias",
                "attn_norm.bias")
            .tensor("output_norm.bias", F32, new byte[32], 8)
            .tensor("output.bias", F32, new byte[12], 3),
        checkpoint -> {
          assertThat(checkpoint.tensorNames())
              .contains(
                  "model.layers.0.self_attn.q_proj.bias",
                  "model.layers.0.self_attn.dense.bias",
                  "model.layers.0.mlp.fc1.bias",
                  "model.layers.0.mlp.fc2.bias",
                  "model.layers.0.input_layernorm.bias",
                  "model.final_layernorm.bias",
                  "lm_head.bias");
          assertThat(checkpoint.config())
              .doesNotContainKeys("attention_bias", "mlp_bias")
              .containsEntry("partial_rotary_factor", 1.0);
        });
    accepted(
        centred("phi2").put("phi2.rope.dimension_count", 2),
        checkpoint -> assertThat(checkpoint.config()).containsEntry("partial_rotary_factor", 0.5));
  }

  @Test
  void orion_and_jais_2_have_norms_from_the_mean() throws IOException {
    accepted(
        centred("orion"),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("OrionForCausalLM"))
                .containsEntry("rms_norm_eps", 0.25)
                .containsEntry("hidden_act", "silu"));
    accepted(
        layer(centred("jais2"), "attn_q.bias", "ffn_down.bias"),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("Jais2ForCausalLM"))
                .containsEntry("layer_norm_eps", 0.25)
                .containsEntry("hidden_act", "relu2")
                .containsEntry("attention_bias", true)
                .containsEntry("mlp_bias", true));
  }

  @Test
  void pangu_embedded_says_by_its_tensors_whether_attention_has_biases() throws IOException {
    accepted(
        layer(named("pangu-embedded"), "attn_q.bias"),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("PanguEmbeddedForCausalLM"))
                .containsEntry("bias", true));
    accepted(
        named("pangu-embedded"),
        checkpoint -> assertThat(checkpoint.config()).containsEntry("bias", false));
  }

  @Test
  void starcoder2_has_names_of_its_own() throws IOException {
    accepted(
        layer(centred("starcoder2"), "ffn_up.bias", "ffn_down.bias"),
        checkpoint ->
            assertThat(checkpoint.tensorNames())
                .contains("model.layers.0.mlp.c_fc.bias", "model.layers.0.mlp.c_proj.bias"));
  }

  @Test
  void stablelm_begins_with_one_norm_where_there_is_but_one_whatever_it_says() throws IOException {
    accepted(
        layer(centred("stablelm"), "ffn_norm.weight", "attn_q.bias")
            .put("stablelm.use_parallel_residual", true),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("use_parallel_residual", false)
                .containsEntry("use_qkv_bias", true)
                .containsEntry("qk_layernorm", false)
                .doesNotContainKey("attention_bias"));
    accepted(
        layer(centred("stablelm"), "attn_q_norm.weight"),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("use_parallel_residual", true)
                .containsEntry("use_qkv_bias", false)
                .containsEntry("qk_layernorm", true));
  }

  @Test
  void nemotron_has_whole_gains_and_biases_where_there_are_any() throws IOException {
    accepted(
        layer(centred("nemotron"), "attn_q.bias", "ffn_down.bias"),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("norm_gains_less_one", false)
                .containsEntry("attention_bias", true)
                .containsEntry("mlp_bias", true));
  }

  @Test
  void commands_have_a_scale_of_logits_and_the_second_of_them_windows() throws IOException {
    accepted(
        centred("command-r").put("command-r.logit_scale", 0.0625f),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("CohereForCausalLM"))
                .containsEntry("model_type", "cohere")
                .containsEntry("logit_scale", 0.0625)
                .containsEntry("rope_interleaved", true));
    accepted(
        centred("cohere2")
            .put("cohere2.logit_scale", 0.25f)
            .put("cohere2.attention.sliding_window", 32),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("logit_scale", 0.25)
                .containsEntry("sliding_window", 32L));
    refused(centred("command-r").file(), "command-r.logit_scale");
    refused(
        centred("cohere2")
            .put("cohere2.logit_scale", 0.25f)
            .put("cohere2.attention.sliding_window", 32)
            .put("cohere2.attention.sliding_window_pattern", 2)
            .file(),
        "sliding_window_pattern",
        "must be 4");
  }

  private static GgufWriter mistral3() {
    return named("mistral3");
  }

  private static GgufWriter yarn(GgufWriter writer) {
    return writer
        .put("mistral3.rope.scaling.type", "yarn")
        .put("mistral3.rope.scaling.factor", 4f)
        .put("mistral3.rope.scaling.original_context_length", 16)
        .put("mistral3.rope.scaling.yarn_log_multiplier", 1f);
  }

  @Test
  void ministral3_has_queries_that_grow_and_attention_that_is_not_sharpened() throws IOException {
    String growth = "mistral3.attention.temperature_scale";
    accepted(
        yarn(mistral3()).put(growth, 0.5f),
        checkpoint ->
            assertThat(checkpoint.config().get("rope_scaling").toString())
                .contains("attention_factor=1.0", "llama_4_scaling_beta=0.5", "embeddings=16"));
    accepted(
        mistral3(),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("model_type", "ministral3")
                .containsEntry("rope_interleaved", true)
                .doesNotContainKey("rope_scaling"));
    refused(mistral3().put(growth, 0.5f).file(), growth, "0.5", "yarn");
    refused(
        sound().put("llama.attention.temperature_scale", 0.5f).file(),
        "llama.attention.temperature_scale",
        "0.0 or missing");
  }
}
