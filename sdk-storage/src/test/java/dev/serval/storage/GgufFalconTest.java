package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What becomes of GGUF files of Falcon-H1. */
final class GgufFalconTest extends GgufCase {
  private static final String PREFIX = "falcon-h1.";

  private static GgufWriter falcon() {
    return falcon(2);
  }

  private static GgufWriter falcon(int heads) {
    return named("falcon-h1")
        .tensor("output_norm.weight", F32, new byte[32], 8)
        .states("falcon-h1", 4, 6, 1, heads, 16);
  }

  @Test
  void a_file_has_the_fields_of_its_configuration_but_for_multipliers() throws IOException {
    accepted(
        falcon().tensor("blk.0.ssm_norm.weight", F32, new byte[64], 16, 1),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("FalconH1ForCausalLM"))
                .containsEntry("model_type", "falcon_h1")
                .containsEntry("mamba_n_heads", 2L)
                .containsEntry("mamba_d_head", 8L)
                .containsEntry("mamba_n_groups", 1L)
                .containsEntry("mamba_d_state", 6L)
                .containsEntry("mamba_d_conv", 4L)
                .containsEntry("mamba_rms_norm", true)
                .containsEntry("mamba_norm_before_gate", false)
                .containsEntry("linear_decay_logarithms", false)
                .doesNotContainKeys("embedding_multiplier", "ssm_multipliers"));
    accepted(
        falcon(),
        checkpoint -> assertThat(checkpoint.config()).containsEntry("mamba_rms_norm", false));
  }

  @Test
  void norms_of_feed_forward_layers_have_no_suffix_and_others_have_one() throws IOException {
    accepted(
        falcon()
            .tensor("blk.0.attn_norm.weight", F32, new byte[32], 8)
            .tensor("blk.0.ffn_norm", F32, new byte[32], 8)
            .tensor("blk.0.ffn_gate.weight", F32, new byte[32], 8, 1)
            .tensor("blk.0.ssm_out.weight", F32, new byte[64], 16, 1)
            .tensor("blk.0.attn_output.weight", F32, new byte[32], 8, 1),
        checkpoint ->
            assertThat(checkpoint.tensorNames())
                .containsExactly(
                    "model.embed_tokens.weight",
                    "model.final_layernorm.weight",
                    "model.layers.0.feed_forward.gate_proj.weight",
                    "model.layers.0.input_layernorm.weight",
                    "model.layers.0.mamba.out_proj.weight",
                    "model.layers.0.pre_ff_layernorm.weight",
                    "model.layers.0.self_attn.o_proj.weight"));
    refused(
        falcon().tensor("blk.0.attn_norm", F32, new byte[32], 8).file(),
        "blk.0.attn_norm",
        "unknown in models of this architecture");
    refused(
        named("llama").tensor("blk.0.ffn_norm", F32, new byte[32], 8).file(),
        "blk.0.ffn_norm",
        "unknown in models of this architecture");
  }

  @Test
  void sizes_that_are_missing_or_do_not_divide_are_refused() {
    refused(falcon(3).file(), PREFIX + "ssm.inner_size", "is 16, no multiple of 3 heads");
    refused(falcon().put(PREFIX + "expert_count", 4).file(), PREFIX + "expert_count");
  }
}
