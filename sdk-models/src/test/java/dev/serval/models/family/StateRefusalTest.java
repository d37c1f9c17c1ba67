package dev.serval.models.family;

import static dev.serval.models.family.Refusals.inspect;
import static dev.serval.models.family.Refusals.refused;
import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.cache.StateShape;
import dev.serval.api.compute.DType;
import dev.serval.api.model.ModelSpec;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.StatefulModels;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Layers that carry states are described; those that do not fit are refused. */
final class StateRefusalTest {
  private static SmallModel qwen35() {
    return StatefulModels.apart("Qwen3_5ForCausalLM", 1, DType.F32, 20);
  }

  @Test
  void layers_that_keep_states_are_described() {
    ModelSpec spec = inspect(qwen35());
    assertThat(spec.layers()).isEqualTo(4);
    assertThat(spec.kvLayers()).hasSize(1);
    assertThat(spec.states()).isEqualTo(new StateShape(3, Float.BYTES * (3 * 104 + 6 * 8 * 12)));
  }

  @Test
  void delta_networks_that_do_not_fit_are_refused() {
    String types = "layer_types";
    String linear = "linear_attention";
    refused(
        qwen35().with(types, List.of(linear, linear, linear, linear)),
        types,
        "at least one of them full_attention");
    refused(qwen35().with(types, List.of("full_attention")), types, "a list of 1", "4 layers");
    refused(
        qwen35().with(types, List.of(linear, "sliding_attention", linear, linear)),
        types,
        "'sliding_attention'");
    refused(
        qwen35().without(types).with("full_attention_interval", 3L),
        "model.layers.1.linear_attn.in_proj_qkv.weight",
        "missing");
    refused(
        qwen35().without(types).with("num_hidden_layers", 1L << 30), "num_hidden_layers", "100000");
    refused(qwen35().with("linear_num_value_heads", 5L), "linear_num_value_heads", "5", "2");
    refused(qwen35().with("linear_value_head_dim", 1L << 30), "linear_value_head_dim", "2 GiB");
    refused(qwen35().without("linear_conv_kernel_dim"), "linear_conv_kernel_dim", "missing");
    refused(qwen35().with("attn_output_gate", false), "attn_output_gate", "false", "true");
    refused(
        qwen35().with("linear_conv_kernel_dim", 3L), "model.layers.0.linear_attn.conv1d.weight");
    refused(
        qwen35().withoutTensor("model.layers.2.linear_attn.dt_bias"),
        "model.layers.2.linear_attn.dt_bias",
        "missing");
  }

  @Test
  void state_spaces_and_short_convolutions_that_do_not_fit_are_refused() {
    SmallModel granite = StatefulModels.stateSpaces(1, DType.F32, 20);
    granite.with("num_local_experts", 0L).with("shared_intermediate_size", 53L);
    refused(granite.with("mamba_proj_bias", true), "mamba_proj_bias", "true", "false or missing");
    granite.without("mamba_proj_bias");
    refused(granite.with("mamba_n_heads", 5L), "mamba_n_heads", "5", "mamba_n_groups, 2");
    refused(granite.with("mamba_n_heads", 6L).with("mamba_d_state", 1L << 30), "2 GiB");
    refused(granite.with("mamba_d_state", 9L).with("mamba_d_head", "auto"), "mamba_n_heads", "74");
    refused(
        granite.with("mamba_d_head", 10L).with("position_embedding_type", "alibi"),
        "position_embedding_type",
        "alibi",
        "nope, rope");
    SmallModel lfm2 = StatefulModels.convolutions("Lfm2ForCausalLM", 1, DType.F32, 20);
    refused(lfm2.with("conv_bias", true), "conv_bias", "true", "false or missing");
    refused(lfm2.with("conv_bias", false).with("theta", 1e6), "theta", "that of rope_theta");
    lfm2.without("theta");
    refused(
        lfm2.with("conv_bias", false).with("full_attn_idxs", List.of(1.5)),
        "full_attn_idxs",
        "whole numbers from 0");
    refused(lfm2.with("full_attn_idxs", List.of(9L)), "layer_types", "at least one of them");
    refused(
        lfm2.with("full_attn_idxs", List.of(1L)).with("conv_L_cache", 4L),
        "model.layers.0.conv.conv.weight");
  }

  @Test
  void layers_of_one_part_are_each_of_a_known_kind() {
    SmallModel model = StatefulModels.ofOnePart(1, DType.F32, 20);
    ModelSpec spec = inspect(model);
    assertThat(spec.layers()).isEqualTo(4);
    assertThat(spec.kvLayers()).hasSize(1);
    String kinds = "layers_block_type";
    refused(model.with(kinds, List.of("mamba", "attention", "mlp")), kinds, "4 layers");
    refused(model.with(kinds, List.of("mamba", "attention", "conv", "mlp")), kinds, "conv");
    refused(model.with(kinds, List.of("mamba", "mlp", "mlp", "mamba")), kinds, "at least one");
    refused(
        model.with(kinds, List.of("attention", "mamba", "mlp", "mamba")),
        "model.layers.0.self_attn.q_proj.weight",
        "missing");
  }
}
