package dev.serval.testkit;

import dev.serval.api.compute.DType;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.testkit.ReferenceModel.Rules;
import dev.serval.testkit.ReferenceModel.Ways;
import dev.serval.testkit.models.Experts;
import dev.serval.testkit.models.Experts.Beside;
import dev.serval.testkit.models.Experts.Names;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.StatefulModels;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/**
 * Families of which some layers carry a state along in place of attending; a part of {@link
 * FamilyForwardContract}.
 */
abstract class StatefulFamilyContract extends NeighbourFamilyContract {
  private static final int VOCABULARY = 91;
  private static final double[] QUARTER = ReferenceModel.frequencies(4, 10_000);
  private static final String WEIGHT = ".weight";

  StatefulFamilyContract() {}

  private void checkLinear(SmallModel model, boolean lessOne) {
    ReferenceModel.Ways ways = ReferenceModel.plain(model);
    Rules rules =
        new Rules(
            layer -> QUARTER, layer -> NONE, 1, ways.with(ways.function(), false, lessOne, 1));
    check(model, new ReferenceModel(model, rules));
  }

  @Test
  void qwen35_mixes_networks_and_gated_attention() {
    for (DType dtype : exactTypes()) {
      checkLinear(StatefulModels.apart("Qwen3_5ForCausalLM", 51, dtype, VOCABULARY), true);
    }
    SmallModel tiled =
        StatefulModels.apart("Qwen3_5ForCausalLM", 52, DType.F32, VOCABULARY)
            .with("norm_gains_less_one", false)
            .with("linear_value_heads_tiled", true)
            .with("mtp_num_hidden_layers", 1L)
            .with(
                "rope_parameters",
                Map.of(
                    "rope_type",
                    "default",
                    "rope_theta",
                    10_000.0,
                    "partial_rotary_factor",
                    0.25,
                    "mrope_interleaved",
                    true,
                    "mrope_section",
                    List.of(1L, 1L, 0L)))
            .withTensor("mtp.fc.weight", DType.F32, 37, 74);
    checkLinear(tiled, false);
  }

  private static SmallModel experts(SmallModel model) {
    Beside shared =
        new Beside(
            0,
            false,
            Optional.empty(),
            1,
            23,
            "mlp.shared_expert.",
            Optional.of("mlp.shared_expert_gate"));
    return model
        .withExperts(new Experts(5, 2, 19, true, false, "mlp.gate").with(shared))
        .with("num_experts", 5L)
        .with("moe_intermediate_size", 19L)
        .with("shared_expert_intermediate_size", 23L);
  }

  @Test
  void qwen35_with_experts_has_them_together_or_apart() {
    for (DType dtype : exactTypes()) {
      SmallModel together =
          experts(StatefulModels.apart("Qwen3_5MoeForCausalLM", 53, dtype, VOCABULARY))
              .expertsTogether("mlp.experts.gate_up_proj", "mlp.experts.down_proj");
      together.eachLayer(layer -> {
        for (String maps : List.of("gate_up_proj", "down_proj")) {
          String name = layer + "mlp.experts." + maps;
          together.renamed(name + WEIGHT, name);
        }
      });
      checkLinear(together, true);
    }
    SmallModel apart =
        experts(StatefulModels.apart("Qwen3_5MoeForCausalLM", 54, DType.F32, VOCABULARY));
    checkLinear(apart.with("experts_apart", true), true);
  }

  @Test
  void qwen3_next_has_its_maps_together_or_sorted() {
    for (DType dtype : exactTypes()) {
      checkLinear(
          experts(StatefulModels.together("Qwen3NextForCausalLM", 57, dtype, VOCABULARY)), true);
    }
    checkLinear(
        experts(StatefulModels.sorted("Qwen3NextForCausalLM", 58, DType.F32, VOCABULARY)), true);
  }

  private void checkConvolutions(SmallModel model) {
    double[] frequencies = ReferenceModel.frequencies(16, 10_000);
    Rules rules = new Rules(layer -> frequencies, layer -> NONE, 1, ReferenceModel.plain(model));
    check(model, new ReferenceModel(model, rules, 1e-5));
  }

  @Test
  void lfm2_mixes_short_convolutions_and_attention() {
    for (DType dtype : exactTypes()) {
      checkConvolutions(StatefulModels.withConvolutionNames(lfm2("Lfm2ForCausalLM", 59, dtype)));
    }
    SmallModel types =
        lfm2("Lfm2ForCausalLM", 60, DType.F32)
            .without("full_attn_idxs")
            .with("layer_types", List.of("conv", "full_attention", "conv", "conv"))
            .with("block_auto_adjust_ff_dim", true)
            .with("block_ff_dim", 79L)
            .with("theta", 10_000.0)
            .with("rope_theta", 10_000.0)
            .with("block_multiple_of", 53L);
    checkConvolutions(StatefulModels.withConvolutionNames(types));
  }

  private static SmallModel lfm2(String architecture, long seed, DType dtype) {
    return StatefulModels.convolutions(architecture, seed, dtype, VOCABULARY);
  }

  @Test
  void lfm2_with_experts_chooses_them_by_logistic_scores_and_a_bias() {
    Beside beside =
        new Beside(2, true, Optional.of("feed_forward.expert_bias"), 1.3, 0, "", Optional.empty());
    Names names = new Names("feed_forward.gate", "feed_forward.experts", "w1", "w3", "w2");
    for (DType dtype : exactTypes()) {
      SmallModel model =
          lfm2("Lfm2MoeForCausalLM", 63, dtype)
              .withExperts(new Experts(5, 2, 19, true, false, names, beside))
              .with("num_experts", 5L)
              .with("moe_intermediate_size", 19L)
              .with("num_dense_layers", 2L)
              .with("norm_topk_prob", true)
              .with("use_expert_bias", true)
              .with("routed_scaling_factor", 1.3);
      checkConvolutions(StatefulModels.withConvolutionNames(model));
    }
  }

  private void checkSpaces(SmallModel model, double[] frequencies) {
    Ways ways = new Ways(GateFunction.SILU, false, 3, 0.7, 0.2, 1 / 1.5, NO_CAP, NO_CAP);
    model
        .with("embedding_multiplier", 3.0)
        .with("residual_multiplier", 0.7)
        .with("attention_multiplier", 0.2)
        .with("logits_scaling", 1.5);
    check(
        model, new ReferenceModel(model, new Rules(layer -> frequencies, layer -> NONE, 1, ways)));
  }

  @Test
  void granite_mixes_state_spaces_and_attention_with_positions_or_without() {
    double[] none = new double[0];
    for (DType dtype : exactTypes()) {
      checkSpaces(
          StatefulModels.withoutExperts(StatefulModels.stateSpaces(71, dtype, VOCABULARY)), none);
    }
    SmallModel turned =
        StatefulModels.withoutExperts(StatefulModels.stateSpaces(72, DType.F32, VOCABULARY))
            .with("position_embedding_type", "rope");
    checkSpaces(turned, ReferenceModel.frequencies(16, 10_000));
  }

  private static SmallModel graniteExperts(SmallModel model, String router) {
    Beside shared = new Beside(0, false, Optional.empty(), 1, 23, "shared_mlp.", Optional.empty());
    return model
        .withExperts(new Experts(5, 2, 19, true, false, Names.mixtral(router), shared))
        .with("num_local_experts", 5L)
        .with("intermediate_size", 19L)
        .with("shared_intermediate_size", 23L);
  }

  @Test
  void granite_of_state_spaces_with_experts_has_them_together_or_apart() {
    double[] none = new double[0];
    for (DType dtype : exactTypes()) {
      SmallModel model =
          graniteExperts(StatefulModels.stateSpaces(73, dtype, VOCABULARY), "router.layer")
              .expertsTogether("block_sparse_moe.input_linear", "block_sparse_moe.output_linear");
      model.eachLayer(layer -> {
        model.fused(
            layer + "shared_mlp.input_linear.weight",
            layer + "shared_mlp.gate_proj.weight",
            layer + "shared_mlp.up_proj.weight");
        model.renamed(
            layer + "shared_mlp.down_proj.weight", layer + "shared_mlp.output_linear.weight");
      });
      checkSpaces(model, none);
    }
    SmallModel apart =
        graniteExperts(StatefulModels.stateSpaces(74, DType.F32, VOCABULARY), "router.layer");
    checkSpaces(apart.with("experts_apart", true), none);
  }

  private void checkOneParts(SmallModel model) {
    Ways ways = ReferenceModel.plain(model).with(UngatedFunction.RELU_SQUARED, false, false, 1);
    Rules rules = new Rules(layer -> new double[0], layer -> NONE, 1, ways);
    check(model, new ReferenceModel(model, rules, 1e-5));
  }

  @Test
  void nemotron_h_has_layers_of_one_part() {
    for (DType dtype : exactTypes()) {
      checkOneParts(StatefulModels.ofOnePart(81, dtype, VOCABULARY));
      checkOneParts(
          StatefulModels.withSpaceFields(StatefulModels.ofOnePart(82, dtype, VOCABULARY)));
    }
  }

  @Test
  void nemotron_h_may_have_experts_without_gates_beside_dense_layers_or_alone() {
    for (String pattern : List.of("M*EM", "E*-M", "M*EE")) {
      for (DType dtype : exactTypes()) {
        checkOneParts(
            StatefulModels.withSpaceFields(
                StatefulModels.ofOnePart(83, dtype, VOCABULARY, pattern)));
      }
    }
  }

  private void checkSideBySide(SmallModel model, double embeddings, double logits) {
    double scores = 1 / Math.sqrt(model.number("head_dim"));
    Ways ways = new Ways(GateFunction.SILU, false, embeddings, 1, scores, logits, NO_CAP, NO_CAP);
    double[] frequencies = ReferenceModel.frequencies(16, 10_000);
    ReferenceModel reference =
        new ReferenceModel(model, new Rules(layer -> frequencies, layer -> NONE, 1, ways));
    check(StatefulModels.withFalconNames(model), reference);
  }

  @Test
  void falcon_h1_attends_and_has_state_spaces_side_by_side() {
    for (DType dtype : exactTypes()) {
      checkSideBySide(StatefulModels.sideBySide(91, dtype, VOCABULARY), 1, 1);
    }
    SmallModel without =
        StatefulModels.sideBySide(92, DType.F32, VOCABULARY).with("mamba_rms_norm", false);
    without.eachLayer(layer -> without.withoutTensor(layer + "mamba.norm" + WEIGHT));
    checkSideBySide(without, 1, 1);
  }

  @Test
  void falcon_h1_multiplies_what_parts_of_layers_begin_with_and_give() {
    for (DType dtype : exactTypes()) {
      checkSideBySide(
          StatefulModels.sideBySide(93, dtype, VOCABULARY)
              .with("embedding_multiplier", 3.0)
              .with("lm_head_multiplier", 0.4)
              .with("attention_in_multiplier", 1.2)
              .with("attention_out_multiplier", 0.9)
              .with("key_multiplier", 0.6)
              .with("ssm_in_multiplier", 1.25)
              .with("ssm_out_multiplier", 0.7)
              .with("ssm_multipliers", List.of(0.8, 1.1, 0.7, 1.3, 0.5))
              .with("mlp_multipliers", List.of(0.9, 0.6)),
          3,
          0.4);
    }
  }
}
