package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** GGUF files of models that see tokens in a window: Gemma 2 and 3, OLMo 2 and EXAONE 4. */
final class GgufWindowsTest extends GgufCase {
  @Test
  void gemma3_files_have_norms_with_whole_gains_and_layers_with_a_base_of_their_own()
      throws IOException {
    accepted(
        named("gemma3")
            .put("gemma3.attention.sliding_window", 512)
            .put("gemma3.rope.freq_base", 1e6f)
            .put("gemma3.rope.freq_base_swa", 20_000f)
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
    GgufWriter file = named("gemma2");
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

  private static GgufWriter normsBehind(String architecture) {
    return layer(
        named(architecture),
        "post_attention_norm.weight",
        "attn_q_norm.weight",
        "post_ffw_norm.weight");
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

  private static GgufWriter windowed(String architecture) {
    return normsBehind(architecture).put(architecture + ".attention.sliding_window", 7);
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
}
