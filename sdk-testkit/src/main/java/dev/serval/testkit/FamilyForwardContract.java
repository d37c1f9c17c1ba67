package dev.serval.testkit;

import dev.serval.api.compute.DType;
import dev.serval.api.compute.GateFunction;
import dev.serval.testkit.ReferenceModel.Rules;
import dev.serval.testkit.ReferenceModel.Ways;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Extras;
import dev.serval.testkit.models.SmallModel.Extras.BranchNorms;
import dev.serval.testkit.models.SmallModel.Extras.HeadNorms;
import dev.serval.testkit.models.SmallModel.Sizes;
import dev.serval.testkit.models.SteppedModel;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import org.junit.jupiter.api.Test;

/**
 * What sets families apart, on small random models of odd sizes, against a float64 reference: every
 * family that Serval has runs on every backend.
 */
public abstract class FamilyForwardContract extends LayeredFamilyContract {
  /** For subclasses. */
  protected FamilyForwardContract() {}

  private static SmallModel llama(DType dtype, Extras extras) {
    return SmallModel.of("LlamaForCausalLM", 1, dtype, ODD, extras);
  }

  @Test
  void llama_with_floats_of_any_type() {
    for (DType dtype : exactTypes()) {
      check(llama(dtype, Extras.NONE), PLAIN, layer -> NONE);
    }
  }

  @Test
  void llama_with_biases_everywhere() {
    SmallModel model =
        llama(DType.F32, Extras.NONE.biases(true, true, true))
            .with("attention_bias", true)
            .with("mlp_bias", true);
    check(model, PLAIN, layer -> NONE);
  }

  @Test
  void llama_with_tied_embeddings() {
    for (DType dtype : exactTypes()) {
      check(llama(dtype, Extras.NONE).tied(), PLAIN, layer -> NONE);
    }
  }

  @Test
  void llama_with_linear_scaling_in_either_spelling() {
    double[] slow = PLAIN.clone();
    for (int i = 0; i < slow.length; i++) {
      slow[i] /= 4;
    }
    check(
        llama(DType.F32, Extras.NONE)
            .with("rope_theta", 10_000L)
            .with("rope_scaling", Map.of("type", "linear", "factor", 4L)),
        slow,
        layer -> NONE);
    check(
        llama(DType.F32, Extras.NONE)
            .with(
                "rope_parameters",
                Map.of("rope_type", "linear", "rope_theta", 10_000.0, "factor", 4.0)),
        slow,
        layer -> NONE);
  }

  @Test
  void llama_with_llama3_scaling_in_either_spelling() {
    Map<String, Object> scaling =
        Map.of(
            "rope_type",
            "llama3",
            "factor",
            8.0,
            "low_freq_factor",
            1.0,
            "high_freq_factor",
            4.0,
            "original_max_position_embeddings",
            64L);
    double[] scaled = ReferenceModel.llama3(ReferenceModel.frequencies(10, 500), scaling);
    check(
        llama(DType.F32, Extras.NONE).with("rope_theta", 500.0).with("rope_scaling", scaling),
        scaled,
        layer -> NONE);
    Map<String, Object> parameters = new HashMap<>(scaling);
    parameters.put("rope_theta", 500L);
    check(llama(DType.F32, Extras.NONE).with("rope_parameters", parameters), scaled, layer -> NONE);
  }

  @Test
  void llama_whose_head_size_follows_from_the_width() {
    checkWithout("head_dim", new Sizes(40, 36, 20, 1, 3, 1, 12), 2, 5);
  }

  @Test
  void llama_with_a_key_head_for_each_query_head_unless_told_otherwise() {
    checkWithout("num_key_value_heads", new Sizes(40, 18, 20, 1, 3, 3, 6), 3, 2);
  }

  private void checkWithout(String field, Sizes sizes, long seed, int chunk) {
    SmallModel model = SmallModel.of("LlamaForCausalLM", seed, DType.F32, sizes, Extras.NONE);
    double[] frequencies = ReferenceModel.frequencies(sizes.headDim(), 10_000);
    int[] tokens = {3, 1, 4, 1, 5};
    double[][] expected = new ReferenceModel(model, frequencies, layer -> NONE).logits(tokens);
    try (SteppedModel run = load(model.without(field))) {
      assertClose(run.logits(tokens, chunk), expected[4]);
    }
  }

  @Test
  void pangu_embedded_has_biases_in_attention() {
    SmallModel model =
        SmallModel.of(
                "PanguEmbeddedForCausalLM",
                3,
                DType.F32,
                ODD,
                Extras.NONE.biases(true, true, false))
            .with("model_type", "PanguEmbedded")
            .with("bias", true);
    check(model, PLAIN, layer -> NONE);
  }

  @Test
  void mistral_with_and_without_a_sliding_window() {
    SmallModel model = SmallModel.of("MistralForCausalLM", 4, DType.F32, ODD, Extras.NONE);
    check(model, PLAIN, layer -> NONE);
    check(model.with("sliding_window", 7L), PLAIN, layer -> 7);
    check(model.with("sliding_window", 1L), PLAIN, layer -> 1);
    check(model.with("sliding_window", 4096L), PLAIN, layer -> NONE);
  }

  @Test
  void qwen2_with_biases_and_windows_in_its_upper_layers() {
    SmallModel model =
        SmallModel.of("Qwen2ForCausalLM", 5, DType.F32, ODD, Extras.NONE.biases(true, false, false))
            .with("sliding_window", 5L)
            .with("max_window_layers", 1L);
    check(model.with("use_sliding_window", false), PLAIN, layer -> NONE);
    check(model.with("use_sliding_window", true), PLAIN, layer -> layer >= 1 ? 5 : NONE);
    check(model.with("max_window_layers", 3L), PLAIN, layer -> NONE);
    check(model.with("max_window_layers", 0L), PLAIN, layer -> 5);
  }

  @Test
  void qwen2_with_a_type_for_each_layer() {
    SmallModel model =
        SmallModel.of("Qwen2ForCausalLM", 6, DType.F32, ODD, Extras.NONE.biases(true, false, false))
            .with("sliding_window", 5L)
            .with("use_sliding_window", true)
            .with(
                "layer_types", List.of("sliding_attention", "full_attention", "sliding_attention"));
    check(model, PLAIN, layer -> layer == 1 ? NONE : 5);
  }

  @Test
  void qwen3_normalises_heads_and_may_have_biases() {
    Sizes sizes = new Sizes(91, 37, 53, 2, 7, 1, 6);
    double[] frequencies = ReferenceModel.frequencies(6, 1e6);
    for (DType dtype : exactTypes()) {
      check(
          SmallModel.of("Qwen3ForCausalLM", 7, dtype, sizes, Extras.NONE.with(HeadNorms.EACH))
              .with("rope_theta", 1e6)
              .tied(),
          frequencies,
          layer -> NONE);
    }
    check(
        SmallModel.of(
                "Qwen3ForCausalLM",
                8,
                DType.F32,
                sizes,
                Extras.NONE.biases(true, true, false).with(HeadNorms.EACH))
            .with("rope_theta", 1_000_000L)
            .with("attention_bias", true),
        frequencies,
        layer -> NONE);
  }

  @Test
  void yarn_slows_down_pairs_by_their_index_and_sharpens_attention() {
    SmallModel model = llama(DType.F32, Extras.NONE).with("max_position_embeddings", 64L);
    Map<String, Object> scaling = new HashMap<>(Map.of("rope_type", "yarn", "factor", 4.0));
    double usual = 0.1 * Math.log(4) + 1;
    checkYarn(model.with("rope_scaling", scaling), true, usual);
    scaling.put("mscale", 1.0);
    checkYarn(model.with("rope_scaling", scaling), true, usual);
    scaling.put("truncate", false);
    scaling.put("attention_factor", 1.3);
    checkYarn(model.with("rope_scaling", scaling), false, 1.3);
    scaling.remove("attention_factor");
    scaling.put("mscale", 2.0);
    scaling.put("mscale_all_dim", 0.5);
    double factor = (0.2 * Math.log(4) + 1) / (0.05 * Math.log(4) + 1);
    checkYarn(model.with("rope_scaling", scaling), false, factor);
  }

  private void checkYarn(SmallModel model, boolean whole, double factor) {
    double[] slowed = ReferenceModel.yarn(PLAIN, 10_000, 4, 64, whole);
    Rules rules = new Rules(layer -> slowed, layer -> NONE, factor, ReferenceModel.plain(model));
    check(model, new ReferenceModel(model, rules));
  }

  @Test
  void ministral3_has_queries_that_grow_with_their_positions() {
    SmallModel model = SmallModel.of("Ministral3ForCausalLM", 44, DType.F32, ODD, Extras.NONE);
    check(model, PLAIN, layer -> NONE);
    Map<String, Object> parameters =
        Map.of(
            "type", "yarn",
            "rope_type", "yarn",
            "rope_theta", 10_000.0,
            "factor", 4.0,
            "original_max_position_embeddings", 16L,
            "max_position_embeddings", 64L,
            "mscale", 1.0,
            "mscale_all_dim", 1.0,
            "llama_4_scaling_beta", 0.4);
    double[] slowed = ReferenceModel.yarn(PLAIN, 10_000, 4, 16, true);
    Ways ways = ReferenceModel.plain(model).with(position -> 1 + 0.4 * Math.log(1 + position / 16));
    check(
        model.with("rope_parameters", parameters),
        new ReferenceModel(model, new Rules(layer -> slowed, layer -> NONE, 1, ways)));
  }

  private static SmallModel phi3(DType dtype) {
    SmallModel model = SmallModel.of("Phi3ForCausalLM", 9, dtype, ODD, Extras.NONE);
    model.eachLayer(layer -> {
      fuseInputs(model, layer, ".weight");
      fuseGates(model, layer);
    });
    return model;
  }

  @Test
  void phi3_with_fused_maps_and_a_window() {
    for (DType dtype : exactTypes()) {
      check(phi3(dtype), PLAIN, layer -> NONE);
    }
    check(phi3(DType.F32).with("sliding_window", 9L), PLAIN, layer -> 9);
  }

  @Test
  void phi3_whose_positions_turn_a_part_of_a_head_in_either_spelling() {
    double[] ofSix = ReferenceModel.frequencies(6, 10_000);
    check(phi3(DType.F32).with("partial_rotary_factor", 0.6), ofSix, layer -> NONE);
    check(
        phi3(DType.F32)
            .with(
                "rope_parameters",
                Map.of(
                    "rope_type", "default",
                    "rope_theta", 10_000.0,
                    "partial_rotary_factor", 0.6)),
        ofSix,
        layer -> NONE);
  }

  @Test
  void phi3_with_longrope_takes_the_divisors_that_its_context_is_for() {
    double[] ofSix = ReferenceModel.frequencies(6, 10_000);
    double[] longer = {ofSix[0] / 1.5, ofSix[1] / 4, ofSix[2] / 16};
    double[] shorter = {ofSix[0], ofSix[1] / 1.1, ofSix[2] / 1.3};
    SmallModel model =
        phi3(DType.F32)
            .with("partial_rotary_factor", 0.6)
            .with(
                "rope_scaling",
                Map.of(
                    "type", "longrope",
                    "long_factor", List.of(1.5, 4.0, 16.0),
                    "short_factor", List.of(1L, 1.1, 1.3)))
            .with("original_max_position_embeddings", 64L);
    double factor = Math.sqrt(1 + Math.log(8) / Math.log(64));
    Rules rules = new Rules(layer -> longer, layer -> NONE, factor, ReferenceModel.plain(model));
    check(model, new ReferenceModel(model, rules));
    check(model.with("max_position_embeddings", 64L), shorter, layer -> NONE);
  }

  @Test
  void smollm3_turns_nothing_in_some_layers() {
    Sizes five = new Sizes(91, 37, 53, 5, 6, 2, 10);
    SmallModel model = SmallModel.of("SmolLM3ForCausalLM", 10, DType.F32, five, Extras.NONE);
    checkTurned(model, layer -> layer != 3);
    model.with("no_rope_layers", List.of(0L, 1L, 1L, 0L, 1L));
    checkTurned(model, layer -> layer % 3 != 0);
  }

  private void checkTurned(SmallModel model, IntPredicate layers) {
    IntFunction<double[]> frequencies = layer -> layers.test(layer) ? PLAIN : new double[0];
    Rules rules = new Rules(frequencies, layer -> NONE, 1, ReferenceModel.plain(model));
    check(model, new ReferenceModel(model, rules));
  }

  private static SmallModel gemma3(DType dtype) {
    Sizes seven = new Sizes(91, 37, 53, 7, 6, 2, 10);
    return SmallModel.of(
            "Gemma3ForCausalLM",
            12,
            dtype,
            seven,
            Extras.NONE.with(HeadNorms.EACH).with(BranchNorms.BOTH))
        .without("hidden_act")
        .with("hidden_activation", "gelu_pytorch_tanh")
        .with("query_pre_attn_scalar", 17L)
        .with("sliding_window", 6L)
        .with("rope_theta", 1e6)
        .withoutTensor("lm_head.weight");
  }

  @Test
  void gemma3_has_norms_at_both_ends_and_another_base_where_there_is_a_window() {
    double[] wide = ReferenceModel.frequencies(10, 1e6);
    for (DType dtype : exactTypes()) {
      checkGemma(gemma3(dtype), wide, layer -> layer != 5);
    }
    checkGemma(gemma3(DType.F32).with("sliding_window_pattern", 2L), wide, layer -> layer % 2 == 0);
    Map<String, Object> full = Map.of("rope_type", "default", "rope_theta", 1e6);
    Map<String, Object> sliding = Map.of("rope_type", "default", "rope_theta", 10_000L);
    checkGemma(
        gemma3(DType.F32)
            .without("rope_theta")
            .with("rope_parameters", Map.of("full_attention", full, "sliding_attention", sliding)),
        wide,
        layer -> layer != 5);
    double[] squeezed = Arrays.stream(wide).map(frequency -> frequency / 8).toArray();
    checkGemma(
        gemma3(DType.F32).with("rope_scaling", Map.of("rope_type", "linear", "factor", 8.0)),
        squeezed,
        layer -> layer != 5);
  }

  private void checkGemma(SmallModel model, double[] wide, IntPredicate slides) {
    IntFunction<double[]> frequencies = layer -> slides.test(layer) ? PLAIN : wide;
    check(model, gemma(model, frequencies, slides, NO_CAP, NO_CAP));
  }

  private static ReferenceModel gemma(
      SmallModel model,
      IntFunction<double[]> frequencies,
      IntPredicate slides,
      double scoreCap,
      double logitCap) {
    Object divisor = model.config().getOrDefault("query_pre_attn_scalar", ODD.headDim());
    double scores = 1 / Math.sqrt(((Number) divisor).doubleValue());
    double embeddings = Math.sqrt(ODD.hidden());
    Ways ways =
        new Ways(GateFunction.GELU_TANH, true, embeddings, 1, scores, 1, scoreCap, logitCap);
    return new ReferenceModel(
        model, new Rules(frequencies, layer -> slides.test(layer) ? 6 : NONE, 1, ways));
  }

  @Test
  void gemma_scales_embeddings_and_stores_gains_less_one() {
    for (DType dtype : exactTypes()) {
      SmallModel model =
          SmallModel.of("GemmaForCausalLM", 13, dtype, ODD, Extras.NONE)
              .with("hidden_act", "gelu")
              .withoutTensor("lm_head.weight");
      check(model, gemma(model, layer -> PLAIN, layer -> false, NO_CAP, NO_CAP));
    }
  }

  private static SmallModel gemma2(DType dtype) {
    return SmallModel.of("Gemma2ForCausalLM", 14, dtype, ODD, Extras.NONE.with(BranchNorms.BOTH))
        .with("hidden_act", "gelu_pytorch_tanh")
        .with("hidden_activation", "gelu_pytorch_tanh")
        .with("query_pre_attn_scalar", 17L)
        .with("sliding_window", 6L)
        .withoutTensor("lm_head.weight");
  }

  @Test
  void gemma2_keeps_scores_and_logits_small_and_has_a_window_in_every_other_layer() {
    for (DType dtype : exactTypes()) {
      SmallModel model =
          gemma2(dtype).with("attn_logit_softcapping", 0.5).with("final_logit_softcapping", 2.0);
      check(model, gemma(model, layer -> PLAIN, layer -> layer % 2 == 0, 0.5, 2));
    }
    SmallModel model = gemma2(DType.F32);
    check(model, gemma(model, layer -> PLAIN, layer -> layer % 2 == 0, NO_CAP, NO_CAP));
  }

  @Test
  void granite_multiplies_embeddings_scores_branches_and_logits() {
    Ways ways = new Ways(GateFunction.SILU, false, 12, 0.22, 0.3, 1 / 8.0, NO_CAP, NO_CAP);
    for (DType dtype : exactTypes()) {
      SmallModel model =
          SmallModel.of("GraniteForCausalLM", 15, dtype, ODD, Extras.NONE.biases(true, true, true))
              .with("attention_bias", true)
              .with("mlp_bias", true)
              .with("embedding_multiplier", 12L)
              .with("residual_multiplier", 0.22)
              .with("attention_multiplier", 0.3)
              .with("logits_scaling", 8.0);
      check(model, new ReferenceModel(model, new Rules(layer -> PLAIN, layer -> NONE, 1, ways)));
    }
    SmallModel plain = SmallModel.of("GraniteForCausalLM", 16, DType.F32, ODD, Extras.NONE);
    check(
        plain,
        new ReferenceModel(plain, new Rules(layer -> PLAIN, layer -> NONE, 1, Ways.plain(1))));
  }

  @Test
  void minicpm_multiplies_embeddings_branches_and_logits() {
    double branches = 1.4 / Math.sqrt(ODD.layers());
    for (DType dtype : exactTypes()) {
      SmallModel model =
          SmallModel.of("MiniCPMForCausalLM", 36, dtype, ODD, Extras.NONE)
              .with("scale_emb", 12L)
              .with("scale_depth", 1.4)
              .with("dim_model_base", 16L)
              .with("auto_map", Map.of())
              .withoutTensor("lm_head.weight");
      Ways plain = ReferenceModel.plain(model);
      Ways ways =
          new Ways(
              GateFunction.SILU,
              false,
              12,
              branches,
              plain.scores(),
              16.0 / ODD.hidden(),
              NO_CAP,
              NO_CAP);
      check(model, new ReferenceModel(model, new Rules(layer -> PLAIN, layer -> NONE, 1, ways)));
    }
  }

  private static SmallModel olmo(String architecture, DType dtype, int layers) {
    Sizes sizes = new Sizes(91, 37, 53, layers, 6, 2, 10);
    return SmallModel.of(
        architecture, 21, dtype, sizes, Extras.NONE.with(HeadNorms.TOGETHER).with(BranchNorms.END));
  }

  @Test
  void olmo2_normalises_what_is_added_alone_and_all_heads_of_a_row_together() {
    for (DType dtype : exactTypes()) {
      check(olmo("Olmo2ForCausalLM", dtype, 3), PLAIN, layer -> NONE);
    }
  }

  @Test
  void olmo3_has_windows_in_three_of_four_layers_where_positions_are_not_scaled() {
    SmallModel model =
        olmo("Olmo3ForCausalLM", DType.F32, 5)
            .with("sliding_window", 6L)
            .with("rope_scaling", Map.of("rope_type", "linear", "factor", 8.0));
    double[] squeezed = Arrays.stream(PLAIN).map(frequency -> frequency / 8).toArray();
    check(model, olmo3(model, squeezed, layer -> layer != 3));
    List<String> types =
        List.of(
            "full_attention",
            "sliding_attention",
            "full_attention",
            "full_attention",
            "sliding_attention");
    check(model.with("layer_types", types), olmo3(model, squeezed, layer -> layer % 3 == 1));
  }

  private static ReferenceModel olmo3(SmallModel model, double[] full, IntPredicate slides) {
    Rules rules =
        new Rules(
            layer -> slides.test(layer) ? PLAIN : full,
            layer -> slides.test(layer) ? 6 : NONE,
            1,
            ReferenceModel.plain(model));
    return new ReferenceModel(model, rules);
  }

  @Test
  void exaone4_turns_nothing_where_some_layers_have_a_window_and_this_one_has_not() {
    Sizes five = new Sizes(91, 37, 53, 5, 6, 2, 10);
    for (DType dtype : exactTypes()) {
      SmallModel model =
          SmallModel.of(
              "Exaone4ForCausalLM",
              23,
              dtype,
              five,
              Extras.NONE.with(HeadNorms.EACH).with(BranchNorms.END));
      check(model, PLAIN, layer -> NONE);
      model.with("sliding_window", 6L).with("sliding_window_pattern", "LLLG");
      Rules rules =
          new Rules(
              layer -> layer == 3 ? new double[0] : PLAIN,
              layer -> layer == 3 ? NONE : 6,
              1,
              ReferenceModel.plain(model));
      check(model, new ReferenceModel(model, rules));
    }
  }

  @Test
  void seed_oss_has_biases_of_queries_keys_and_values_unless_it_says_otherwise() {
    Extras biases = Extras.NONE.biases(true, false, false);
    for (DType dtype : exactTypes()) {
      check(
          SmallModel.of("SeedOssForCausalLM", 24, dtype, ODD, biases)
              .with("attention_out_bias", false),
          PLAIN,
          layer -> NONE);
    }
    check(
        SmallModel.of("SeedOssForCausalLM", 25, DType.F32, ODD, biases.biases(false, true, true))
            .with("attention_bias", false)
            .with("attention_out_bias", true)
            .with("mlp_bias", true),
        PLAIN,
        layer -> NONE);
  }
}
