package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** GGUF files of Gemma 4, whose layers differ in more than which of them have a window. */
final class GgufGemma4Test extends GgufCase {
  private static final String KV_HEADS = "gemma4.attention.head_count_kv";
  private static final String WIDTH = "gemma4.feed_forward_length";
  private static final String PATTERN = "gemma4.attention.sliding_window_pattern";
  private static final String SHARING = "gemma4.attention.shared_kv_layers";
  private static final String LOCAL_HEAD_DIM = "gemma4.attention.key_length_swa";

  /** Of layers with a window but for the second and the last. */
  private static GgufWriter ofSizes(int layers) {
    boolean[] slides = new boolean[layers];
    for (int layer = 0; layer < layers; layer++) {
      slides[layer] = layer != 1 && layer != layers - 1;
    }
    return withoutPattern(layers).flags(PATTERN, slides);
  }

  private static GgufWriter withoutPattern(int layers) {
    return new GgufWriter()
        .put("general.architecture", "gemma4")
        .sizesOfAll("gemma4", layers)
        .put("gemma4.attention.sliding_window", 32)
        .put("gemma4.attention.key_length", 16)
        .put("gemma4.attention.value_length", 16)
        .tensor("token_embd.weight", F32, new byte[96], 8, 3);
  }

  private static GgufWriter gemma4(int layers) {
    return ofSizes(layers).put(KV_HEADS, 1).put(WIDTH, 16);
  }

  private static GgufWriter tensors(GgufWriter writer, String... names) {
    for (String name : names) {
      writer.tensor(name, F32, new byte[32], 8);
    }
    return writer;
  }

  @Test
  void sizes_of_heads_are_those_of_layers_that_see_everything_and_others_have_names_of_their_own()
      throws IOException {
    accepted(
        ofSizes(4)
            .integers(KV_HEADS, List.of(2, 1, 2, 1))
            .put(WIDTH, 16)
            .put(LOCAL_HEAD_DIM, 8)
            .put("gemma4.attention.value_length_swa", 8)
            .put("gemma4.rope.dimension_count", 16)
            .put("gemma4.rope.dimension_count_swa", 8)
            .put("gemma4.rope.freq_base", 1e6f)
            .put("gemma4.rope.freq_base_swa", 5_000f)
            .put("gemma4.final_logit_softcapping", 30f),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("Gemma4ForCausalLM"))
                .containsEntry("model_type", "gemma4_text")
                .containsEntry("hidden_act", "gelu_pytorch_tanh")
                .containsEntry("global_head_dim", 16L)
                .containsEntry("head_dim", 8L)
                .containsEntry("num_key_value_heads", 2L)
                .containsEntry("num_global_key_value_heads", 1L)
                .containsEntry("attention_k_eq_v", true)
                .containsEntry(
                    "layer_types",
                    List.of(
                        "sliding_attention",
                        "full_attention",
                        "sliding_attention",
                        "full_attention"))
                .containsEntry("sliding_window", 32L)
                .containsEntry("rope_theta", 1e6)
                .containsEntry("rope_local_base_freq", 5_000.0)
                .containsEntry("partial_rotary_factor", 1.0)
                .containsEntry("final_logit_softcapping", 30.0)
                .containsEntry("intermediate_size", 16L)
                .containsEntry("use_double_wide_mlp", false)
                .containsEntry("num_kv_shared_layers", 0L)
                .containsEntry("hidden_size_per_layer_input", 0L)
                .containsEntry("layer_scalars", false)
                .doesNotContainKeys("norm_gains_less_one", "rope_interleaved"));
  }

  @Test
  void what_is_not_said_is_as_it_is_for_layers_that_see_everything() throws IOException {
    accepted(
        gemma4(3),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("head_dim", 16L)
                .containsEntry("num_key_value_heads", 1L)
                .containsEntry("num_global_key_value_heads", 1L)
                .containsEntry("rope_local_base_freq", 10_000.0)
                .doesNotContainKey("final_logit_softcapping"));
  }

  @Test
  void whether_values_are_made_of_keys_is_said_by_layers_that_see_everything() throws IOException {
    accepted(
        tensors(gemma4(3), "blk.0.attn_v.weight"),
        checkpoint -> assertThat(checkpoint.config()).containsEntry("attention_k_eq_v", true));
    accepted(
        tensors(gemma4(3), "blk.0.attn_v.weight", "blk.1.attn_v.weight"),
        checkpoint -> assertThat(checkpoint.config()).containsEntry("attention_k_eq_v", false));
  }

  @Test
  void pairs_that_do_not_turn_have_divisors() throws IOException {
    accepted(
        gemma4(3).tensor("rope_freqs.weight", F32, floats(1, 1, 1e30f, 1e30f), 4),
        checkpoint ->
            assertThat(checkpoint.config().get("rope_scaling").toString())
                .contains("rope_type=divisors", "1.0, 1.0, 1.0000000"));
  }

  @Test
  void layers_may_share_keys_and_values_have_inputs_and_be_wider() throws IOException {
    GgufWriter file =
        ofSizes(5)
            .put(KV_HEADS, 1)
            .put(SHARING, 2)
            .put("gemma4.embedding_length_per_layer_input", 4)
            .integers(WIDTH, List.of(16, 16, 16, 32, 32));
    accepted(
        tensors(file, "blk.0.layer_output_scale.weight"),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("num_kv_shared_layers", 2L)
                .containsEntry("hidden_size_per_layer_input", 4L)
                .containsEntry("intermediate_size", 16L)
                .containsEntry("use_double_wide_mlp", true)
                .containsEntry("layer_scalars", true));
    accepted(
        ofSizes(4).put(KV_HEADS, 1).put(SHARING, 2).integers(WIDTH, Collections.nCopies(4, 16)),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("intermediate_size", 16L)
                .containsEntry("use_double_wide_mlp", false));
  }

  @Test
  void layers_that_are_wider_in_another_way_are_refused() {
    for (List<Integer> widths :
        List.of(
            List.of(16, 16, 32, 32),
            List.of(32, 16, 16, 16),
            List.of(16, 16, 16, 24),
            List.of(16, 24, 16, 32))) {
      int wrong =
          IntStream.range(0, 4)
              .filter(layer ->
                  widths.get(layer) != (layer == 3 && widths.get(3) == 32 ? 32 : widths.getFirst()))
              .findFirst()
              .orElseThrow();
      refused(
          ofSizes(4).put(KV_HEADS, 1).put(SHARING, 1).integers(WIDTH, widths).file(),
          WIDTH,
          "has %d for layer %d".formatted(widths.get(wrong), wrong),
          "all are %d, or twice that in the last 1".formatted(widths.getFirst()));
    }
    refused(
        ofSizes(4).put(KV_HEADS, 1).integers(WIDTH, List.of(16, 16, 32)).file(),
        WIDTH,
        "3 elements",
        "4 layers");
    refused(ofSizes(4).put(KV_HEADS, 1).put(WIDTH, 0).file(), WIDTH, "is 0", "at least 1");
  }

  @Test
  void heads_of_keys_that_differ_among_layers_of_a_kind_are_refused() {
    refused(
        ofSizes(4).put(WIDTH, 16).integers(KV_HEADS, List.of(2, 1, 1, 1)).file(),
        KV_HEADS,
        "has 2 and 1");
    refused(
        ofSizes(4).put(WIDTH, 16).integers(KV_HEADS, List.of(2, 1, 2, 2)).file(),
        KV_HEADS,
        "has 1 and 2");
    refused(
        ofSizes(4).put(WIDTH, 16).integers(KV_HEADS, List.of(2, 1)).file(),
        KV_HEADS,
        "2 elements",
        "4 layers");
    refused(ofSizes(4).put(WIDTH, 16).put(KV_HEADS, 0).file(), KV_HEADS, "is 0", "at least 1");
    refused(ofSizes(4).put(WIDTH, 16).file(), KV_HEADS);
  }

  @Test
  void a_pattern_of_windows_that_is_missing_or_the_same_for_all_layers_is_refused() {
    refused(withoutPattern(2).put(KV_HEADS, 1).put(WIDTH, 16).file(), PATTERN);
    for (boolean slides : new boolean[] {true, false}) {
      refused(
          withoutPattern(2).put(KV_HEADS, 1).put(WIDTH, 16).flags(PATTERN, slides, slides).file(),
          PATTERN,
          "is the same for all layers");
    }
    refused(
        withoutPattern(2).put(KV_HEADS, 1).put(WIDTH, 16).flags(PATTERN, true, false, true).file(),
        PATTERN,
        "3 elements",
        "2 layers");
  }

  @Test
  void experts_have_gates_and_ups_together_or_apart() throws IOException {
    GgufWriter[] files = {
      experts().tensor("blk.0.ffn_gate_up_exps.weight", F32, new byte[4 * 2 * 4 * 8], 8, 4, 2),
      experts()
          .tensor("blk.0.ffn_gate_exps.weight", F32, new byte[4 * 2 * 2 * 8], 8, 2, 2)
          .tensor("blk.0.ffn_up_exps.weight", F32, new byte[4 * 2 * 2 * 8], 8, 2, 2)
    };
    for (GgufWriter file : files) {
      boolean joined = file == files[0];
      accepted(
          file,
          checkpoint -> {
            assertThat(checkpoint.config())
                .containsEntry("enable_moe_block", true)
                .containsEntry("num_experts", 2L)
                .containsEntry("top_k_experts", 1L)
                .containsEntry("moe_intermediate_size", 2L)
                .containsEntry(joined ? "experts_joined" : "experts_apart", true)
                .doesNotContainKey(joined ? "experts_apart" : "experts_joined");
            assertThat(checkpoint.tensorNames())
                .contains(
                    "model.layers.0.router.proj.weight",
                    "model.layers.0.router.scale",
                    "model.layers.0.router.per_expert_scale",
                    "model.layers.0.experts.1.down_proj.weight",
                    "model.layers.0.experts.1.%s.weight"
                        .formatted(joined ? "gate_up_proj" : "up_proj"));
          });
    }
  }

  private static GgufWriter experts() {
    return gemma4(3)
        .put("gemma4.expert_count", 2)
        .put("gemma4.expert_used_count", 1)
        .put("gemma4.expert_feed_forward_length", 2)
        .tensor("blk.0.ffn_gate_inp.weight", F32, new byte[64], 8, 2)
        .tensor("blk.0.ffn_gate_inp.scale", F32, new byte[32], 8)
        .tensor("blk.0.ffn_down_exps.weight", F32, new byte[4 * 2 * 2 * 8], 2, 8, 2)
        .tensor("blk.0.ffn_down_exps.scale", F32, new byte[8], 2);
  }

  @Test
  void heads_of_layers_with_a_window_are_of_one_size_and_turned_as_a_whole() {
    for (String other :
        List.of("gemma4.attention.value_length_swa", "gemma4.rope.dimension_count_swa")) {
      refused(
          gemma4(3).put(LOCAL_HEAD_DIM, 8).put(other, 4).file(),
          other,
          "is 4; it must be the size of heads of layers with a window, 8");
    }
  }

  @Test
  void what_gemma4_does_not_do_is_refused() {
    refused(gemma4(3).put("gemma4.attn_logit_softcapping", 50f).file(), "attn_logit_softcapping");
    refused(gemma4(3).put("gemma4.attention.scale", 0.5f).file(), "gemma4.attention.scale", "0.5");
    refused(sound().put("llama.final_logit_softcapping", 30f).file(), "final_logit_softcapping");
  }

  @Test
  void tensors_of_layers_and_of_their_inputs_are_named_as_gemma4_has_them() throws IOException {
    String layer = "model.layers.1.";
    accepted(
        tensors(
            gemma4(3),
            "blk.1.attn_norm.weight",
            "blk.1.attn_q.weight",
            "blk.1.attn_k.weight",
            "blk.1.attn_q_norm.weight",
            "blk.1.attn_k_norm.weight",
            "blk.1.attn_output.weight",
            "blk.1.post_attention_norm.weight",
            "blk.1.ffn_norm.weight",
            "blk.1.ffn_gate.weight",
            "blk.1.ffn_up.weight",
            "blk.1.ffn_down.weight",
            "blk.1.post_ffw_norm.weight",
            "blk.1.inp_gate.weight",
            "blk.1.proj.weight",
            "blk.1.post_norm.weight",
            "blk.1.layer_output_scale.weight",
            "per_layer_token_embd.weight",
            "per_layer_model_proj.weight",
            "per_layer_proj_norm.weight",
            "output_norm.weight"),
        checkpoint ->
            assertThat(checkpoint.tensorNames())
                .containsExactlyInAnyOrder(
                    "model.embed_tokens.weight",
                    layer + "input_layernorm.weight",
                    layer + "self_attn.q_proj.weight",
                    layer + "self_attn.k_proj.weight",
                    layer + "self_attn.q_norm.weight",
                    layer + "self_attn.k_norm.weight",
                    layer + "self_attn.o_proj.weight",
                    layer + "post_attention_layernorm.weight",
                    layer + "pre_feedforward_layernorm.weight",
                    layer + "mlp.gate_proj.weight",
                    layer + "mlp.up_proj.weight",
                    layer + "mlp.down_proj.weight",
                    layer + "post_feedforward_layernorm.weight",
                    layer + "per_layer_input_gate.weight",
                    layer + "per_layer_projection.weight",
                    layer + "post_per_layer_input_norm.weight",
                    layer + "layer_scalar",
                    "model.embed_tokens_per_layer.weight",
                    "model.per_layer_model_projection.weight",
                    "model.per_layer_projection_norm.weight",
                    "model.norm.weight"));
    refused(
        tensors(gemma4(3), "blk.1.per_layer_token_embd.weight").file(),
        "'blk.1.per_layer_token_embd.weight' is unknown");
    refused(tensors(gemma4(3), "inp_gate.weight").file(), "'inp_gate.weight' is unknown");
    refused(
        tensors(sound(), "per_layer_token_embd.weight").file(),
        "'per_layer_token_embd.weight' is unknown");
    refused(
        tensors(sound(), "blk.0.layer_output_scale.weight").file(),
        "'blk.0.layer_output_scale.weight' is unknown");
  }
}
