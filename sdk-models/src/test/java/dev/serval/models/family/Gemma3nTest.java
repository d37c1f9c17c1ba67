package dev.serval.models.family;

import static dev.serval.models.family.Refusals.inspect;
import static dev.serval.models.family.Refusals.refused;
import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.cache.KvShape;
import dev.serval.api.compute.AttentionWindow;
import dev.serval.api.compute.DType;
import dev.serval.api.model.ModelSpec;
import dev.serval.testkit.models.Gemma3nModels;
import dev.serval.testkit.models.SmallModel;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What is taken of Gemma 3n's configurations and tensors, and what is refused. */
final class Gemma3nTest {
  private static SmallModel model() {
    return Gemma3nModels.of(1, DType.F32, 20, 4);
  }

  @Test
  void the_last_layers_keep_no_keys_and_values() {
    ModelSpec spec = inspect(model());
    assertThat(spec.family()).isEqualTo("gemma3n");
    assertThat(spec.layers()).isEqualTo(6);
    assertThat(spec.kvLayers().stream().map(layer -> layer.within(AttentionWindow.NONE)))
        .hasSize(4)
        .containsOnly(new KvShape(2, 8));
    refused(
        model().with("num_kv_shared_layers", 5L),
        "'num_kv_shared_layers' is 5",
        "leaves a layer with a window and one without");
  }

  @Test
  void a_configuration_as_it_is_published_is_taken() {
    SmallModel published =
        model()
            .without("rope_theta")
            .without("rope_local_base_freq")
            .with(
                "rope_parameters",
                Map.of(
                    "full_attention", Map.of("rope_type", "default", "rope_theta", 1e6),
                    "sliding_attention", Map.of("rope_type", "default", "rope_theta", 1e4)))
            .with("intermediate_size", Collections.nCopies(6, 53L))
            .with("altup_lr_multiplier", 1.0)
            .with("query_pre_attn_scalar", 256L)
            .with("attention_bias", false)
            .with("attention_dropout", 0.0)
            .with("initializer_range", 0.02)
            .with("use_cache", true);
    assertThat(inspect(published)).isEqualTo(inspect(model()));
  }

  @Test
  void streams_that_do_not_fit_are_refused() {
    refused(model().with("altup_num_inputs", 1L), "'altup_num_inputs' is 1", "from 2");
    refused(model().with("altup_num_inputs", 9L), "'altup_num_inputs' is 9", "from 2 to 8");
    refused(model().with("altup_active_idx", 4L), "'altup_active_idx' is 4", "altup_num_inputs, 4");
    refused(model().with("altup_active_idx", -1L), "'altup_active_idx' is -1", "from 0");
    refused(model().with("altup_coef_clip", 0.0), "'altup_coef_clip' is 0.0", "above 0");
    refused(model().with("laurel_rank", 0L), "'laurel_rank' is 0", "from 1");
    refused(model().with("laurel_rank", 6L), "model.layers.0.laurel.linear_left.weight", "[6, 37]");
    refused(model().with("altup_num_inputs", 3L), "altup.modality_router.weight", "[3, 37]");
  }

  @Test
  void gates_that_cannot_be_left_out_are_refused() {
    String shares = "activation_sparsity_pattern";
    refused(model().with(shares, List.of(0.95)), "'" + shares + "' is a list of 1", "6 layers");
    refused(model().with(shares, Collections.nCopies(6, 1.0)), "1.0", "from 0 to less than 1");
    refused(model().with(shares, Collections.nCopies(6, -0.5)), "-0.5", "from 0 to less than 1");
    refused(model().with(shares, 0.95), "'" + shares + "' is 0.95", "a list of numbers");
    String deviations = "activation_sparsity_scale";
    SmallModel otherwise = model().without(shares);
    refused(otherwise.with(deviations, List.of(1.0)), "'" + deviations + "'", "6 layers");
    refused(
        otherwise.with(deviations, Collections.nCopies(6, Double.POSITIVE_INFINITY)),
        "'" + deviations + "' is a list with Infinity",
        "standard deviations");
  }

  @Test
  void widths_that_do_not_fit_are_refused() {
    String width = "intermediate_size";
    refused(model().with(width, List.of(53L)), "'" + width + "' is [53]", "the 6 layers");
    refused(model().with(width, Collections.nCopies(6, 0L)), "'" + width + "'", "the 6 layers");
    refused(
        model().with(width, Collections.nCopies(6, (long) (1 << 30))),
        "'" + width + "'",
        "whole numbers");
    refused(
        model().with(width, List.of(53L, 53L, 53L, 53L, 53L, 54L)),
        "model.layers.5.mlp.gate_proj.weight",
        "[54, 37]");
  }

  @Test
  void a_table_of_more_tokens_than_there_are_is_taken() {
    int all = 6 * 8;
    SmallModel model =
        model()
            .with("vocab_size_per_layer_input", 23L)
            .withMatrix("model.embed_tokens_per_layer.weight", 23, all);
    assertThat(inspect(model).vocabulary()).isEqualTo(20);
    refused(
        model().with("vocab_size_per_layer_input", 14L),
        "model.embed_tokens_per_layer.weight",
        "[14, 48]");
  }

  @Test
  void a_configuration_may_claim_any_number_of_layers() {
    refused(
        model()
            .without("activation_sparsity_pattern")
            .without("layer_types")
            .with("num_hidden_layers", 1L << 27),
        "model.embed_tokens_per_layer.weight",
        "[13, 1073741824]");
    refused(
        model().without("layer_types").with("num_hidden_layers", 1L << 30),
        "'activation_sparsity_pattern' is a list of 6",
        "1073741824 layers");
  }

  @Test
  void tensors_of_streams_are_all_there() {
    for (String tensor :
        List.of(
            "model.altup_projections.2.weight",
            "model.altup_unembed_projections.0.weight",
            "model.layers.3.altup.router_norm.weight",
            "model.layers.3.altup.modality_router.weight",
            "model.layers.3.altup.prediction_coefs.weight",
            "model.layers.3.altup.correction_coefs.weight",
            "model.layers.3.altup.correct_output_scale",
            "model.layers.3.laurel.linear_left.weight",
            "model.layers.3.laurel.linear_right.weight",
            "model.layers.3.laurel.post_laurel_norm.weight",
            "model.layers.3.per_layer_input_gate.weight")) {
      refused(model().withoutTensor(tensor), "'" + tensor + "'", "missing");
    }
    refused(
        model().with("altup_correct_scale", false),
        "model.layers.0.altup.correct_output_scale",
        "not part of");
  }
}
