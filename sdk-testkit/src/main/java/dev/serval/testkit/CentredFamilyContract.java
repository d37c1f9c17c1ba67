package dev.serval.testkit;

import dev.serval.api.compute.ActivationFunction;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.testkit.ReferenceModel.Rules;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Extras;
import dev.serval.testkit.models.SmallModel.Sizes;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Families whose norms are from the mean, whose feed-forward layers have no gates, or that begin
 * both halves of a layer with the same; a part of {@link FamilyForwardContract}.
 */
abstract class CentredFamilyContract extends ExpertFamilyContract {
  private static final Extras ALL_BIASES = Extras.NONE.biases(true, true, true);

  CentredFamilyContract() {}

  private static SmallModel small(String architecture, long seed, DType dtype, Extras extras) {
    return SmallModel.of(architecture, seed, dtype, ODD, extras).without("rms_norm_eps");
  }

  /** What norms add, under the family's own name for it. */
  private static SmallModel epsilon(SmallModel model, String field) {
    return model.with(field, 1e-5);
  }

  static SmallModel normBiases(SmallModel model) {
    int hidden = (int) model.number("hidden_size");
    return model
        .withVector("model.norm.bias", hidden)
        .eachLayer(layer -> {
          model.withVector(layer + "input_layernorm.bias", hidden);
          model.withVector(layer + "post_attention_layernorm.bias", hidden);
        });
  }

  static SmallModel sameStart(SmallModel model) {
    return model.eachLayer(layer -> {
      model.withoutTensor(layer + "post_attention_layernorm.weight");
      model.withoutTensor(layer + "post_attention_layernorm.bias");
    });
  }

  static SmallModel withoutGates(SmallModel model) {
    return model.eachLayer(layer -> {
      model.withoutTensor(layer + "mlp.gate_proj.weight");
      model.withoutTensor(layer + "mlp.gate_proj.bias");
    });
  }

  /** A map or a norm, with its bias if it has one. */
  static void rename(SmallModel model, String from, String to) {
    model.renamed(from + ".weight", to + ".weight");
    if (model.tensorNames().contains(from + ".bias")) {
      model.renamed(from + ".bias", to + ".bias");
    }
  }

  private record Way(ActivationFunction function, boolean centred, boolean less, double logits) {
    Rules rules(SmallModel model, double[] frequencies, boolean neighbours) {
      return new Rules(
          layer -> frequencies,
          layer -> NONE,
          1,
          neighbours,
          ReferenceModel.plain(model).with(function, centred, less, logits));
    }
  }

  /** The reference reads what norms add under one name. */
  private void check(SmallModel model, String epsilon, Rules rules) {
    check(epsilon(model, epsilon), new ReferenceModel(model, rules, 1e-5));
  }

  @Test
  void starcoder2_has_layer_norms_and_biases_and_no_gates() {
    Way way = new Way(UngatedFunction.GELU_TANH, true, false, 1);
    for (DType dtype : exactTypes()) {
      SmallModel model =
          withoutGates(normBiases(small("Starcoder2ForCausalLM", 37, dtype, ALL_BIASES)))
              .with("hidden_act", "gelu_pytorch_tanh")
              .with("norm_type", "layer_norm")
              .with("use_bias", true)
              .withoutTensor("lm_head.weight");
      model.eachLayer(layer -> {
        rename(model, layer + "mlp.up_proj", layer + "mlp.c_fc");
        rename(model, layer + "mlp.down_proj", layer + "mlp.c_proj");
      });
      check(model, "norm_epsilon", way.rules(model, PLAIN, false));
    }
  }

  @Test
  void stablelm_has_layer_norms_and_turns_a_quarter_of_a_head() {
    Sizes eight = new Sizes(91, 37, 53, 3, 6, 2, 8);
    Way way = new Way(GateFunction.SILU, true, false, 1);
    double[] ofTwo = ReferenceModel.frequencies(2, 10_000);
    for (DType dtype : exactTypes()) {
      SmallModel model =
          normBiases(
                  SmallModel.of("StableLmForCausalLM", 38, dtype, eight, Extras.NONE)
                      .without("rms_norm_eps"))
              .with("qk_layernorm", false)
              .with("use_parallel_residual", false);
      check(model, "layer_norm_eps", way.rules(model, ofTwo, false));
    }
    SmallModel same =
        sameStart(
                normBiases(
                    small(
                        "StableLmForCausalLM",
                        39,
                        DType.F32,
                        Extras.NONE.biases(true, false, false))))
            .with("use_qkv_bias", true)
            .with("partial_rotary_factor", 0.6)
            .with("use_parallel_residual", true);
    double[] ofSix = ReferenceModel.frequencies(6, 10_000);
    check(same, "layer_norm_eps", way.rules(same, ofSix, false));
  }

  @Test
  void phi_begins_both_halves_of_a_layer_with_the_same_and_has_a_bias_of_logits() {
    double[] ofSix = ReferenceModel.frequencies(6, 10_000);
    Way way = new Way(UngatedFunction.GELU_TANH, true, false, 1);
    for (DType dtype : exactTypes()) {
      SmallModel model =
          withoutGates(sameStart(normBiases(small("PhiForCausalLM", 40, dtype, ALL_BIASES))))
              .with("hidden_act", "gelu_new")
              .with("partial_rotary_factor", 0.6)
              .with("qk_layernorm", false)
              .withVector("lm_head.bias", ODD.vocabulary());
      rename(model, "model.norm", "model.final_layernorm");
      model.eachLayer(layer -> {
        rename(model, layer + "self_attn.o_proj", layer + "self_attn.dense");
        rename(model, layer + "mlp.up_proj", layer + "mlp.fc1");
        rename(model, layer + "mlp.down_proj", layer + "mlp.fc2");
      });
      check(model, "layer_norm_eps", way.rules(model, ofSix, false));
    }
  }

  @Test
  void nemotron_stores_the_gains_of_layer_norms_less_one_and_has_no_gates() {
    Sizes eight = new Sizes(91, 37, 53, 3, 6, 2, 8);
    double[] ofHalf = ReferenceModel.frequencies(4, 10_000);
    Way way = new Way(UngatedFunction.RELU_SQUARED, true, true, 1);
    for (DType dtype : exactTypes()) {
      SmallModel model =
          withoutGates(
                  normBiases(
                      SmallModel.of("NemotronForCausalLM", 41, dtype, eight, Extras.NONE)
                          .without("rms_norm_eps")))
              .with("hidden_act", "relu2");
      check(model, "norm_eps", way.rules(model, ofHalf, false));
    }
  }

  @Test
  void arcee_has_no_gates() {
    Way way = new Way(UngatedFunction.RELU_SQUARED, false, false, 1);
    for (DType dtype : exactTypes()) {
      SmallModel model =
          withoutGates(small("ArceeForCausalLM", 42, dtype, ALL_BIASES))
              .with("hidden_act", "relu2")
              .with("attention_bias", true)
              .with("mlp_bias", true);
      check(model, "rms_norm_eps", way.rules(model, PLAIN, false));
    }
  }

  @Test
  void orion_has_layer_norms_and_gates() {
    Way way = new Way(GateFunction.SILU, true, false, 1);
    for (DType dtype : exactTypes()) {
      SmallModel model = normBiases(small("OrionForCausalLM", 51, dtype, Extras.NONE));
      check(model, "rms_norm_eps", way.rules(model, PLAIN, false));
    }
  }

  @Test
  void jais_2_has_layer_norms_and_biases_and_no_gates() {
    Way way = new Way(UngatedFunction.RELU_SQUARED, true, false, 1);
    for (DType dtype : exactTypes()) {
      SmallModel model =
          withoutGates(normBiases(small("Jais2ForCausalLM", 52, dtype, ALL_BIASES)))
              .with("hidden_act", "relu2");
      check(model, "layer_norm_eps", way.rules(model, PLAIN, false));
    }
  }

  private static SmallModel cohere(String architecture, DType dtype, Sizes sizes) {
    return sameStart(
        SmallModel.of(architecture, 43, dtype, sizes, Extras.NONE)
            .without("rms_norm_eps")
            .with("logit_scale", 0.25)
            .withoutTensor("lm_head.weight"));
  }

  @Test
  void cohere_multiplies_logits_and_has_layer_norms_without_biases() {
    Way way = new Way(GateFunction.SILU, true, false, 0.25);
    for (DType dtype : exactTypes()) {
      SmallModel model = cohere("CohereForCausalLM", dtype, ODD).with("use_qk_norm", false);
      check(model, "layer_norm_eps", way.rules(model, PLAIN, true));
    }
  }

  @Test
  void cohere2_has_windows_in_three_of_four_layers_and_turns_nothing_in_the_others() {
    Sizes five = new Sizes(91, 37, 53, 5, 6, 2, 10);
    Way way = new Way(GateFunction.SILU, true, false, 0.25);
    for (DType dtype : exactTypes()) {
      SmallModel model =
          cohere("Cohere2ForCausalLM", dtype, five)
              .with("sliding_window", 6L)
              .with("sliding_window_pattern", 4L)
              .with("layer_switch", 4L)
              .with("use_parallel_block", true)
              .with("position_embedding_type", "rope_gptj");
      checkCohere2(model, way, 3);
      model
          .without("sliding_window_pattern")
          .without("layer_switch")
          .with(
              "layer_types",
              List.of(
                  "sliding_attention",
                  "full_attention",
                  "sliding_attention",
                  "sliding_attention",
                  "sliding_attention"));
      checkCohere2(model, way, 1);
    }
  }

  private void checkCohere2(SmallModel model, Way way, int full) {
    Rules plain = way.rules(model, PLAIN, true);
    Rules rules =
        new Rules(
            layer -> layer == full ? new double[0] : PLAIN,
            layer -> layer == full ? NONE : 6,
            1,
            true,
            plain.ways());
    check(model, "layer_norm_eps", rules);
  }
}
