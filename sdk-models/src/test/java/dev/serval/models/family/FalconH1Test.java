package dev.serval.models.family;

import static dev.serval.models.family.Refusals.inspect;
import static dev.serval.models.family.Refusals.refused;
import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.cache.KvShape;
import dev.serval.api.cache.StateShape;
import dev.serval.api.compute.DType;
import dev.serval.api.model.ModelSpec;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.StatefulModels;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What configurations of Falcon-H1 may say, and what of it is refused. */
final class FalconH1Test {
  private static SmallModel model() {
    return StatefulModels.withFalconNames(StatefulModels.sideBySide(1, DType.F32, 20));
  }

  @Test
  void each_layer_keeps_keys_and_values_and_a_state() {
    ModelSpec spec =
        inspect(
            model()
                .with("model_type", "falcon_h1")
                .with("attention_dropout", 0.0)
                .with("mamba_chunk_size", 128L)
                .with("mamba_expand", 2L)
                .with("mamba_use_mlp", true)
                .with("mlp_expansion_factor", 8L)
                .with("num_logits_to_keep", 1L)
                .with("projectors_bias", false)
                .with("rope_theta", 1e11)
                .with("time_step_min", 0.001)
                .with("time_step_max", 0.1));
    assertThat(spec.family()).isEqualTo("falcon_h1");
    assertThat(spec.kvLayers()).hasSize(4).containsOnly(new KvShape(2, 16));
    assertThat(spec.states()).isEqualTo(new StateShape(4, StatefulModels.SPACE.stateBytes()));
    assertThat(inspect(model().without("mamba_d_ssm"))).isEqualTo(spec);
  }

  @Test
  void multipliers_are_numbers_above_0_as_many_as_there_are_parts() {
    for (String field :
        List.of(
            "attention_in_multiplier",
            "attention_out_multiplier",
            "embedding_multiplier",
            "key_multiplier",
            "lm_head_multiplier",
            "ssm_in_multiplier",
            "ssm_out_multiplier")) {
      refused(model().with(field, 0.0), "'" + field + "' is 0.0", "above 0");
    }
    refused(model().with("ssm_multipliers", List.of(1.0, 1.0)), "'ssm_multipliers'", "5 numbers");
    refused(model().with("mlp_multipliers", List.of(1.0)), "'mlp_multipliers'", "2 numbers");
    refused(model().with("mlp_multipliers", List.of(1.0, -1.0)), "'mlp_multipliers'", "above 0");
  }

  @Test
  void what_the_forward_pass_does_not_do_is_refused() {
    for (String bias :
        List.of("attention_bias", "mlp_bias", "mamba_proj_bias", "projectors_bias")) {
      refused(model().with(bias, true), "'" + bias + "' is true", "false");
    }
    refused(
        model().with("mamba_norm_before_gate", true),
        "'mamba_norm_before_gate' is true",
        "mamba_rms_norm");
    refused(model().without("mamba_norm_before_gate"), "'mamba_norm_before_gate' is missing");
    refused(model().with("mamba_use_mlp", false), "'mamba_use_mlp' is false");
    refused(model().with("mamba_d_ssm", 64L), "'mamba_d_ssm' is 64", "60");
    refused(model().with("time_step_limit", List.of(0.0, 0.1)), "'time_step_limit'");
    refused(model().with("mamba_rms_norm", false), "model.layers.0.mamba.norm.weight");
    refused(model().with("num_hidden_layers", 1_000_000L), "'num_hidden_layers'", "100000");
  }
}
