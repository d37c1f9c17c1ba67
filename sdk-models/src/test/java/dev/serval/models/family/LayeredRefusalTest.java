package dev.serval.models.family;

import static dev.serval.models.family.Refusals.inspect;
import static dev.serval.models.family.Refusals.refused;
import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.cache.KvShape;
import dev.serval.api.compute.AttentionWindow;
import dev.serval.api.compute.DType;
import dev.serval.api.model.ModelSpec;
import dev.serval.testkit.models.Gemma4Models;
import dev.serval.testkit.models.SmallModel;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Layers that differ are described; those that do not fit together are refused. */
final class LayeredRefusalTest {
  private static SmallModel gemma4() {
    return Gemma4Models.ofTwoSizes(1, DType.F32, 20);
  }

  private static SmallModel gemma4WithInputs() {
    return Gemma4Models.withInputs(1, DType.F32, 20);
  }

  @Test
  void layers_that_differ_are_described_by_what_they_keep() {
    KvShape windowed = new KvShape(2, 8).within(new AttentionWindow.Sliding(6));
    KvShape full = new KvShape(1, 16);
    ModelSpec spec = inspect(gemma4());
    assertThat(spec.family()).isEqualTo("gemma4");
    assertThat(spec.layers()).isEqualTo(5);
    assertThat(spec.kvLayers()).containsExactly(windowed, windowed, full, windowed, full);
    ModelSpec sharing = inspect(gemma4WithInputs());
    assertThat(sharing.layers()).isEqualTo(6);
    assertThat(sharing.kvLayers())
        .containsExactly(windowed, new KvShape(2, 16), windowed, windowed);
    assertThat(inspect(Gemma4Models.withoutUnused(gemma4WithInputs()))).isEqualTo(sharing);
  }

  @Test
  void layers_that_attend_to_what_others_have_stored_need_some_of_their_kind_below() {
    String sharing = "num_kv_shared_layers";
    String allowed = "leaves a layer with a window and one without";
    for (long count : List.of(5L, 6L, 7L, (long) Integer.MAX_VALUE)) {
      refused(gemma4WithInputs().with(sharing, count), "'" + sharing + "' is " + count, allowed);
    }
    refused(gemma4WithInputs().with(sharing, -1L), "'" + sharing + "' is -1", "from 0");
    refused(
        Gemma4Models.withoutUnused(gemma4WithInputs()).with(sharing, 1L),
        "'model.layers.4.self_attn.k_proj.weight'",
        "missing");
  }

  @Test
  void heads_of_gemma4_that_do_not_fit_are_refused() {
    refused(gemma4().with("global_head_dim", 15L), "'global_head_dim' is 15", "an even number");
    refused(
        gemma4().with("num_global_key_value_heads", 3L),
        "'num_global_key_value_heads' is 3",
        "a divisor of num_attention_heads, 4");
    refused(
        gemma4().with("global_head_dim", 18L),
        "model.layers.2.self_attn.q_proj.weight",
        "[64, 37]");
    refused(
        gemma4().with("attention_k_eq_v", false),
        "model.layers.2.self_attn.k_proj.weight",
        "[32, 37]");
    refused(
        gemma4().with("attention_k_eq_v", false).with("num_key_value_heads", 1L),
        "model.layers.0.self_attn.k_proj.weight",
        "[8, 37]");
    String value = "model.layers.2.self_attn.v_proj.weight";
    refused(gemma4().withMatrix(value, 16, 37), value, "not part of");
  }

  @Test
  void gemma4_reads_texts_one_way_whatever_it_does_with_images() {
    String both = "use_bidirectional_attention";
    assertThat(inspect(gemma4().with(both, "vision"))).isEqualTo(inspect(gemma4()));
    assertThat(inspect(gemma4().with(both, false))).isEqualTo(inspect(gemma4()));
    refused(gemma4().with(both, "all"), "'" + both + "' is \"all\"", "vision");
    refused(gemma4().with(both, true), "'" + both + "' is true", "false");
  }

  @Test
  void positions_of_gemma4_that_are_turned_otherwise_are_refused() {
    refused(
        positions(Gemma4Models.proportional(1.5), Gemma4Models.unscaled()),
        "'rope_parameters.full_attention.partial_rotary_factor' is 1.5",
        "up to 1");
    refused(
        positions(Gemma4Models.unscaled(), Gemma4Models.proportional(0.5)),
        "'rope_parameters.sliding_attention.rope_type'",
        "default alone");
    refused(
        gemma4().with("partial_rotary_factor", 0.5),
        "'partial_rotary_factor' is 0.5",
        "that of rope_parameters, 0.25");
  }

  private static SmallModel positions(Map<String, Object> full, Map<String, Object> windowed) {
    return gemma4()
        .with("rope_parameters", Map.of("full_attention", full, "sliding_attention", windowed));
  }

  @Test
  void tensors_of_layers_that_differ_are_all_there() {
    refused(
        gemma4().withoutTensor("model.layers.3.layer_scalar"),
        "'model.layers.3.layer_scalar'",
        "missing");
    refused(gemma4().with("layer_scalars", false), "model.layers.0.layer_scalar", "not part of");
    for (String tensor :
        List.of(
            "model.embed_tokens_per_layer.weight",
            "model.per_layer_projection_norm.weight",
            "model.layers.5.per_layer_input_gate.weight",
            "model.layers.0.post_per_layer_input_norm.weight")) {
      refused(gemma4WithInputs().withoutTensor(tensor), "'" + tensor + "'", "missing");
    }
    refused(
        gemma4WithInputs().with("hidden_size_per_layer_input", 0L),
        "model.embed_tokens_per_layer.weight",
        "not part of");
    refused(
        gemma4WithInputs().with("use_double_wide_mlp", false),
        "model.layers.4.mlp.gate_proj.weight",
        "[106, 37]",
        "[53, 37]");
  }
}
