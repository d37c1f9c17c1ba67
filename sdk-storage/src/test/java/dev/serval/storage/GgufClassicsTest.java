package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** GGUF files of GPT-2, StarCoder, GPT-NeoX and Falcon, whose tensors have names of their own. */
final class GgufClassicsTest extends GgufCase {
  private static GgufWriter neox() {
    return centred("gptneox").put("gptneox.use_parallel_residual", true);
  }

  @Test
  void gpt2_and_starcoder_embed_positions_and_have_maps_for_all_inputs_as_one() throws IOException {
    Map<String, String> models =
        Map.of("gpt2", "GPT2LMHeadModel", "starcoder", "GPTBigCodeForCausalLM");
    for (Map.Entry<String, String> model : models.entrySet()) {
      accepted(
          layer(
                  centred(model.getKey()),
                  "attn_norm.bias",
                  "attn_qkv.bias",
                  "attn_output.bias",
                  "ffn_norm.bias",
                  "ffn_up.bias",
                  "ffn_down.bias")
              .tensor("position_embd.weight", F32, new byte[64 * 32], 8, 64)
              .tensor("output_norm.bias", F32, new byte[32], 8),
          checkpoint -> {
            assertThat(checkpoint.tensorNames())
                .containsExactlyInAnyOrder(
                    "transformer.wte.weight",
                    "transformer.wpe.weight",
                    "transformer.ln_f.bias",
                    "transformer.h.0.ln_1.bias",
                    "transformer.h.0.attn.c_attn.bias",
                    "transformer.h.0.attn.c_proj.bias",
                    "transformer.h.0.ln_2.bias",
                    "transformer.h.0.mlp.c_fc.bias",
                    "transformer.h.0.mlp.c_proj.bias");
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of(model.getValue()))
                .containsEntry("layer_norm_epsilon", 0.25)
                .containsEntry("max_position_embeddings", 64L)
                .containsEntry("tie_word_embeddings", true)
                .doesNotContainKeys("attention_bias", "mlp_bias", "rope_theta", "rms_norm_eps");
          });
    }
    accepted(
        centred("gpt2"),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("hidden_act", "gelu_new")
                .containsEntry("maps_by_input", false));
  }

  @Test
  void neox_says_whether_both_halves_of_a_layer_lie_side_by_side() throws IOException {
    accepted(
        layer(neox(), "attn_qkv.bias", "attn_output.bias", "ffn_norm.bias", "ffn_up.bias")
            .put("gptneox.rope.dimension_count", 2)
            .tensor("output.weight", F32, new byte[96], 8, 3),
        checkpoint -> {
          assertThat(checkpoint.tensorNames())
              .containsExactlyInAnyOrder(
                  "gpt_neox.embed_in.weight",
                  "embed_out.weight",
                  "gpt_neox.layers.0.attention.query_key_value.bias",
                  "gpt_neox.layers.0.attention.dense.bias",
                  "gpt_neox.layers.0.post_attention_layernorm.bias",
                  "gpt_neox.layers.0.mlp.dense_h_to_4h.bias");
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("GPTNeoXForCausalLM"))
              .containsEntry("model_type", "gpt_neox")
              .containsEntry("use_parallel_residual", true)
              .containsEntry("qkv_together", true)
              .containsEntry("partial_rotary_factor", 0.5)
              .containsEntry("layer_norm_eps", 0.25)
              .containsEntry("tie_word_embeddings", false);
        });
    accepted(
        centred("gptneox").put("gptneox.use_parallel_residual", false),
        checkpoint ->
            assertThat(checkpoint.config()).containsEntry("use_parallel_residual", false));
    refused(centred("gptneox").file(), "gptneox.use_parallel_residual");
  }

  @Test
  void falcon_has_a_norm_of_attention_where_there_are_two() throws IOException {
    accepted(
        layer(centred("falcon"), "attn_norm.bias", "attn_qkv.bias", "ffn_down.bias"),
        checkpoint -> {
          assertThat(checkpoint.tensorNames())
              .containsExactlyInAnyOrder(
                  "transformer.word_embeddings.weight",
                  "transformer.h.0.input_layernorm.bias",
                  "transformer.h.0.self_attention.query_key_value.bias",
                  "transformer.h.0.mlp.dense_4h_to_h.bias");
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("FalconForCausalLM"))
              .containsEntry("new_decoder_architecture", false)
              .containsEntry("num_key_value_heads", 1L)
              .containsEntry("qkv_together", true);
        });
    accepted(
        layer(centred("falcon"), "attn_norm.weight", "attn_norm_2.weight"),
        checkpoint -> {
          assertThat(checkpoint.tensorNames())
              .contains("transformer.h.0.input_layernorm.weight", "transformer.h.0.ln_attn.weight");
          assertThat(checkpoint.config()).containsEntry("new_decoder_architecture", true);
        });
  }

  @Test
  void which_gelu_a_model_has_that_may_have_either_is_that_of_llama_cpp() throws IOException {
    for (GgufWriter writer : List.of(neox(), centred("falcon"), centred("starcoder"))) {
      accepted(
          writer,
          checkpoint ->
              assertThat(checkpoint.config()).containsEntry("hidden_act", "gelu_pytorch_tanh"));
    }
  }

  @Test
  void falcon_cuts_a_text_at_signs_then_as_gpt2_does_and_after_three_numerals() throws IOException {
    accepted(
        centred("falcon")
            .put("tokenizer.ggml.model", "gpt2")
            .put("tokenizer.ggml.pre", "falcon")
            .put("tokenizer.ggml.bos_token_id", 0)
            .texts("tokenizer.ggml.tokens", List.of("a", "b", "c"))
            .texts("tokenizer.ggml.merges", List.of()),
        checkpoint ->
            assertThat(checkpoint.text("tokenizer.json").orElseThrow())
                .containsSubsequence(
                    "\"Regex\":\"[\\\\p{P}\\\\$\\\\+<=>\\\\^~\\\\|`]+\"",
                    "\"Regex\":\"'s|'t|",
                    "\"Regex\":\"[0-9][0-9][0-9]\"",
                    "\"ByteLevel\""));
  }

  @Test
  void what_adds_a_slope_to_scores_is_refused() {
    refused(
        centred("falcon").put("falcon.attention.max_alibi_bias", 8f).file(),
        "falcon.attention.max_alibi_bias",
        "8.0");
  }
}
