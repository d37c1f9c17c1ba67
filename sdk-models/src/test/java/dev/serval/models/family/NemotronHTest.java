package dev.serval.models.family;

import static dev.serval.models.family.Refusals.inspect;
import static dev.serval.models.family.Refusals.refused;
import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.compute.DType;
import dev.serval.api.model.ModelSpec;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.StatefulModels;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What configurations of Nemotron-H may say, and what of it is refused. */
final class NemotronHTest {
  private static final String PATTERN = "hybrid_override_pattern";
  private static final String KINDS = "layers_block_type";
  private static final String STEPS = "time_step_limit";
  private static final String LAYERS = "num_hidden_layers";

  private static SmallModel model(String pattern) {
    return StatefulModels.withSpaceFields(StatefulModels.ofOnePart(1, DType.F32, 20, pattern));
  }

  @Test
  void a_configuration_as_it_is_published_is_taken() {
    ModelSpec spec =
        inspect(
            model("M*EM")
                .with("auto_map", Map.of("AutoConfig", "configuration_nemotron_h.NemotronHConfig"))
                .with("model_type", "nemotron_h")
                .with("attention_bias", false)
                .with("attention_dropout", 0.0)
                .with("chunk_size", 128L)
                .with("expand", 2L)
                .with("hidden_dropout", 0.0)
                .with("initializer_range", 0.02)
                .with("mamba_hidden_act", "silu")
                .with("mamba_proj_bias", false)
                .with("mamba_ssm_cache_dtype", "float32")
                .with("mlp_bias", false)
                .with("moe_shared_expert_overlap", true)
                .with("n_group", 1L)
                .with("norm_eps", 1e-5)
                .with("num_logits_to_keep", 1L)
                .with("partial_rotary_factor", 1.0)
                .with("rescale_prenorm_residual", true)
                .with("residual_in_fp32", false)
                .with("rms_norm_eps", 1e-5)
                .with("rope_theta", 10_000L)
                .with("time_step_floor", 1e-4)
                .with(STEPS, List.of(0.0, Double.POSITIVE_INFINITY))
                .with("time_step_max", 0.1)
                .with("time_step_min", 0.001)
                .with("topk_group", 1L)
                .with("use_bias", false)
                .with("use_conv_bias", true)
                .with("use_mamba_kernels", true));
    assertThat(spec.family()).isEqualTo("nemotron_h");
    assertThat(spec.layers()).isEqualTo(4);
    assertThat(spec.kvLayers()).hasSize(1);
    assertThat(spec.experts()).isEqualTo(5);
  }

  @Test
  void layers_are_listed_or_each_has_a_sign_and_both_agree() {
    List<String> listed = List.of("linear_attention", "full_attention", "moe", "mamba");
    assertThat(inspect(model("M*EM").with(KINDS, listed))).isEqualTo(inspect(model("M*EM")));
    assertThat(inspect(model("M*EM").without(PATTERN).with(KINDS, listed).without(LAYERS)))
        .isEqualTo(inspect(model("M*EM")));
    refused(model("M*EM").with(KINDS, List.of("mamba")), PATTERN, KINDS, "one of both alone");
    refused(model("M*EM").with(PATTERN, "M*E"), "\"M*E\"", "M, *, -, E for each of the 4 layers");
    refused(model("M*EM").with(PATTERN, "M*XM"), "\"M*XM\"", "M, *, -, E");
    refused(model("M*EM").with(PATTERN, "MMEM"), "\"MMEM\"", "at least one of them *");
    refused(model("M*EM").with(PATTERN, 7L), PATTERN, "a text");
    refused(model("M*EM").without(PATTERN), KINDS, "missing");
  }

  @Test
  void what_a_field_is_called_in_two_ways_must_agree() {
    assertThat(inspect(model("M*-M").without("head_dim").with("attention_head_dim", 16L)))
        .isEqualTo(inspect(model("M*-M").with("attention_head_dim", 16L)));
    refused(
        model("M*-M").with("attention_head_dim", 8L),
        "'attention_head_dim' is 8",
        "that of head_dim, 16");
    refused(model("M*-M").with("rms_norm_eps", 1e-6), "'layer_norm_epsilon'", "rms_norm_eps");
    refused(model("M*-M").with("mamba_num_heads", 5L), "'mamba_num_heads' is 5");
    refused(model("M*-M").without("n_groups"), "'n_groups' is missing");
  }

  @Test
  void steps_in_time_have_no_limit() {
    for (Object most : List.of(1e30, "Infinity", Map.of("__float__", "Infinity"))) {
      assertThat(inspect(model("M*-M").with(STEPS, List.of(0.0, most))).layers()).isEqualTo(4);
    }
    for (List<Object> limits :
        List.<List<Object>>of(List.of(0.001, 1e30), List.of(0.0, 0.1), List.of(0.0))) {
      refused(model("M*-M").with(STEPS, limits), STEPS, limits.toString(), "missing");
    }
    refused(model("M*-M").with(STEPS, List.of("x", 1.0)), STEPS, "a list of numbers");
    refused(model("M*-M").with(STEPS, 1.0), STEPS, "a list of numbers");
  }

  @Test
  void what_the_forward_pass_does_not_do_is_refused() {
    refused(model("M*-M").with("mlp_hidden_act", "silu"), "'mlp_hidden_act'", "relu2");
    refused(model("M*-M").with("mamba_hidden_act", "gelu"), "'mamba_hidden_act'", "silu");
    refused(model("M*-M").with("use_bias", true), "'use_bias' is true");
    refused(model("M*-M").with("mamba_proj_bias", true), "'mamba_proj_bias' is true");
    refused(model("M*-M").with("sliding_window", 64L), "sliding_window");
    refused(model("M*EM").with("moe_latent_size", 8L), "moe_latent_size");
    refused(model("M*EM").with("n_shared_experts", 2L), "'n_shared_experts' is 2", "1");
    refused(model("M*EM").with("mlp_bias", true), "'mlp_bias' is true", "experts");
    refused(model("M*EM").with("num_nextn_predict_layers", 1L), "num_nextn_predict_layers");
    refused(
        model("M*EM").without("moe_shared_expert_intermediate_size"),
        "'moe_shared_expert_intermediate_size' is missing");
    refused(
        model("M*EM").with("moe_intermediate_size", 18L),
        "model.layers.2.mlp.experts.0.up_proj.weight");
  }

  @Test
  void a_model_without_experts_may_say_how_many_it_would_have() {
    assertThat(
            inspect(
                    model("M*-M")
                        .with("n_routed_experts", 8L)
                        .with("n_shared_experts", 1L)
                        .with("moe_intermediate_size", 7688L)
                        .with("num_experts_per_tok", 2L))
                .experts())
        .isEqualTo(1);
  }
}
