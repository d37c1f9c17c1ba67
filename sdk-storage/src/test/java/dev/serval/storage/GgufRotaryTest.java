package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.storage.Checkpoint;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What becomes of what a GGUF file says of rotary positions. */
final class GgufRotaryTest extends GgufCase {
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
}
