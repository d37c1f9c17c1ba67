package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.storage.StoredTensor;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** GGUF files of Gemma 3n, which has several residual streams. */
final class GgufGemma3nTest extends GgufCase {
  private static final String PATTERN = "gemma3n.attention.sliding_window_pattern";
  private static final String SPARSITY = "gemma3n.activation_sparsity_scale";
  private static final String WIDTH = "gemma3n.feed_forward_length";

  private static GgufWriter gemma3n(int layers) {
    return named("gemma3n", layers).put("gemma3n.attention.sliding_window", 512);
  }

  @Test
  void what_a_file_says_of_streams_sparse_gates_and_layers_that_share_is_taken()
      throws IOException {
    accepted(
        gemma3n(3)
            .put("gemma3n.altup.num_inputs", 3)
            .put("gemma3n.altup.active_idx", 1)
            .put("gemma3n.embedding_length_per_layer_input", 4)
            .put("gemma3n.attention.shared_kv_layers", 1)
            .put("gemma3n.final_logit_softcapping", 20f)
            .put("gemma3n.rope.freq_base", 1e6f)
            .put("gemma3n.rope.freq_base_swa", 5_000f)
            .flags(PATTERN, true, false, true)
            .reals(SPARSITY, List.of(1.5f, Float.NEGATIVE_INFINITY, -0.5f)),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("Gemma3nForCausalLM"))
                .containsEntry("model_type", "gemma3n_text")
                .containsEntry("hidden_act", "gelu_pytorch_tanh")
                .containsEntry("altup_num_inputs", 3L)
                .containsEntry("altup_active_idx", 1L)
                .containsEntry("hidden_size_per_layer_input", 4L)
                .containsEntry("num_kv_shared_layers", 1L)
                .containsEntry("final_logit_softcapping", 20.0)
                .containsEntry("rope_theta", 1e6)
                .containsEntry("rope_local_base_freq", 5_000.0)
                .containsEntry("sliding_window", 512L)
                .containsEntry(
                    "layer_types",
                    List.of("sliding_attention", "full_attention", "sliding_attention"))
                .containsEntry(
                    "activation_sparsity_scale", List.of(1.5, Double.NEGATIVE_INFINITY, -0.5))
                .doesNotContainKeys("altup_coef_clip", "norm_gains_less_one"));
  }

  @Test
  void what_a_file_does_not_say_is_as_llama_cpp_takes_it() throws IOException {
    accepted(
        gemma3n(24),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("altup_num_inputs", 4L)
                .containsEntry("altup_active_idx", 0L)
                .containsEntry("hidden_size_per_layer_input", 256L)
                .containsEntry("num_kv_shared_layers", 4L)
                .containsEntry("final_logit_softcapping", 30.0)
                .containsEntry("rope_local_base_freq", 10_000.0)
                .doesNotContainKeys("layer_types", "activation_sparsity_scale"));
    accepted(
        gemma3n(3).put(PATTERN, 5),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("num_kv_shared_layers", 0L)
                .doesNotContainKey("layer_types"));
  }

  @Test
  void layers_may_be_of_several_widths() throws IOException {
    GgufWriter file =
        new GgufWriter()
            .put("general.architecture", "gemma3n")
            .sizesOfAll("gemma3n", 2)
            .put("gemma3n.attention.sliding_window", 512)
            .put("gemma3n.attention.head_count_kv", 1)
            .integers(WIDTH, List.of(16, 24))
            .tensor("token_embd.weight", F32, new byte[96], 8, 3);
    accepted(
        file,
        checkpoint ->
            assertThat(checkpoint.config()).containsEntry("intermediate_size", List.of(16L, 24L)));
  }

  @Test
  void what_does_not_fit_is_refused() {
    refused(gemma3n(2).put(PATTERN, 4).file(), PATTERN, "is 4; it must be 5");
    refused(gemma3n(2).flags(PATTERN, true).file(), PATTERN, "1 elements", "2 layers");
    refused(gemma3n(2).reals(SPARSITY, List.of(1f)).file(), SPARSITY, "1 elements", "2 layers");
    refused(gemma3n(2).put("gemma3n.attn_logit_softcapping", 50f).file(), "attn_logit_softcapping");
    refused(
        sound().tensor("altup_proj.weight", F32, new byte[32], 8).file(),
        "'altup_proj.weight' is unknown");
    refused(
        gemma3n(2).tensor("blk.0.altup_proj.weight", F32, new byte[32], 8).file(),
        "'blk.0.altup_proj.weight' is unknown");
  }

  @Test
  void tensors_of_streams_are_named_as_gemma3n_has_them() throws IOException {
    GgufWriter file =
        gemma3n(2)
            .tensor("altup_proj.weight", F32, new byte[4 * 192], 8, 8, 3)
            .tensor("altup_unembd_proj.weight", F32, new byte[4 * 192], 8, 8, 3);
    for (String name :
        List.of(
            "blk.1.altup_correct_coef",
            "blk.1.altup_correct_scale",
            "blk.1.altup_predict_coef",
            "blk.1.altup_router",
            "blk.1.altup_router_norm",
            "blk.1.laurel_l",
            "blk.1.laurel_r",
            "blk.1.laurel_post_norm",
            "blk.1.inp_gate",
            "blk.1.proj",
            "blk.1.post_norm",
            "per_layer_token_embd",
            "per_layer_model_proj",
            "per_layer_proj_norm")) {
      file.tensor(name + ".weight", F32, new byte[32], 8);
    }
    String layer = "model.layers.1.";
    accepted(
        file,
        checkpoint -> {
          assertThat(checkpoint.tensorNames())
              .containsExactlyInAnyOrder(
                  "model.embed_tokens.weight",
                  "model.altup_projections.weight",
                  "model.altup_unembed_projections.weight",
                  layer + "altup.correction_coefs.weight",
                  layer + "altup.correct_output_scale",
                  layer + "altup.prediction_coefs.weight",
                  layer + "altup.modality_router.weight",
                  layer + "altup.router_norm.weight",
                  layer + "laurel.linear_left.weight",
                  layer + "laurel.linear_right.weight",
                  layer + "laurel.post_laurel_norm.weight",
                  layer + "per_layer_input_gate.weight",
                  layer + "per_layer_projection.weight",
                  layer + "post_per_layer_input_norm.weight",
                  "model.embed_tokens_per_layer.weight",
                  "model.per_layer_model_projection.weight",
                  "model.per_layer_projection_norm.weight");
          StoredTensor maps = checkpoint.tensor("model.altup_projections.weight");
          assertThat(maps.shape()).containsExactly(3L, 8L, 8L);
        });
  }
}
