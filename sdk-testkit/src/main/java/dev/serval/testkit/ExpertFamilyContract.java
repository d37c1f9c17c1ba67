package dev.serval.testkit;

import dev.serval.api.compute.DType;
import dev.serval.api.compute.GateFunction;
import dev.serval.testkit.ReferenceModel.Rules;
import dev.serval.testkit.ReferenceModel.Ways;
import dev.serval.testkit.models.Experts;
import dev.serval.testkit.models.Experts.Beside;
import dev.serval.testkit.models.Experts.Names;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Extras;
import dev.serval.testkit.models.SmallModel.Extras.HeadNorms;
import dev.serval.testkit.models.SmallModel.Sizes;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;

/** Families whose feed-forward layers are of experts; a part of {@link FamilyForwardContract}. */
abstract class ExpertFamilyContract extends SharedExpertFamilyContract {
  ExpertFamilyContract() {}

  private static SmallModel qwen3Moe(DType dtype, boolean normalised) {
    return SmallModel.of("Qwen3MoeForCausalLM", 17, dtype, ODD, Extras.NONE.with(HeadNorms.EACH))
        .withExperts(experts(normalised))
        .with("model_type", "qwen3_moe")
        .with("num_experts", 5L)
        .with("moe_intermediate_size", 19L)
        .with("norm_topk_prob", normalised)
        .with("decoder_sparse_step", 1L)
        .with("mlp_only_layers", List.of())
        .with("router_aux_loss_coef", 0.001);
  }

  @Test
  void qwen3_with_experts_whose_shares_add_up_to_1_or_not() {
    for (DType dtype : exactTypes()) {
      check(qwen3Moe(dtype, true), PLAIN, layer -> NONE);
    }
    check(qwen3Moe(DType.F32, false), PLAIN, layer -> NONE);
    check(qwen3Moe(DType.F32, false).without("norm_topk_prob"), PLAIN, layer -> NONE);
  }

  private static Experts mixtral(String router) {
    return new Experts(4, 3, 53, true, false, Names.mixtral(router), Beside.NOTHING);
  }

  @Test
  void mixtral_with_and_without_a_window() {
    SmallModel model =
        SmallModel.of("MixtralForCausalLM", 18, DType.F32, ODD, Extras.NONE)
            .withExperts(mixtral("gate"))
            .with("num_local_experts", 4L);
    check(model, PLAIN, layer -> NONE);
    check(model.with("sliding_window", 7L), PLAIN, layer -> 7);
  }

  @Test
  void minimax_m2_normalises_all_heads_of_a_row_together_and_turns_a_part_of_each() {
    Beside scores = Beside.scored("block_sparse_moe.e_score_correction_bias");
    Sizes eight = new Sizes(91, 37, 53, 3, 6, 2, 8);
    for (DType dtype : exactTypes()) {
      SmallModel model =
          SmallModel.of(
                  "MiniMaxM2ForCausalLM", 36, dtype, eight, Extras.NONE.with(HeadNorms.TOGETHER))
              .withExperts(mixtral("gate").with(scores))
              .with("num_local_experts", 4L)
              .with("scoring_func", "sigmoid")
              .with("attn_type_list", List.of(1L, 1L, 1L))
              .with("num_mtp_modules", 3L)
              .with("shared_intermediate_size", 0L);
      check(model, ReferenceModel.frequencies(8, 10_000), layer -> NONE);
      check(model.with("rotary_dim", 4L), ReferenceModel.frequencies(4, 10_000), layer -> NONE);
    }
  }

  private static SmallModel graniteMoe(DType dtype, String router) {
    return SmallModel.of("GraniteMoeForCausalLM", 19, dtype, ODD, Extras.NONE)
        .withExperts(mixtral(router))
        .with("num_local_experts", 4L)
        .with("embedding_multiplier", 12L)
        .with("residual_multiplier", 0.22)
        .with("attention_multiplier", 0.3)
        .with("logits_scaling", 8.0);
  }

  @Test
  void granite_with_experts_that_are_apart_or_in_the_same_tensors() {
    Ways ways = new Ways(GateFunction.SILU, false, 12, 0.22, 0.3, 1 / 8.0, NO_CAP, NO_CAP);
    Rules rules = new Rules(layer -> PLAIN, layer -> NONE, 1, ways);
    SmallModel apart = graniteMoe(DType.F32, "gate").with("experts_apart", true);
    check(apart, new ReferenceModel(apart, rules));
    for (DType dtype : exactTypes()) {
      SmallModel model = graniteMoe(dtype, "router.layer");
      model.expertsTogether("block_sparse_moe.input_linear", "block_sparse_moe.output_linear");
      check(model, new ReferenceModel(model, rules));
    }
  }

  private static SmallModel gptOss(DType dtype) {
    return SmallModel.of(
            "GptOssForCausalLM", 20, dtype, ODD, Extras.NONE.biases(true, true, false).withSinks())
        .withExperts(new Experts(5, 2, 53, true, true, "mlp.router"))
        .with("model_type", "gpt_oss")
        .with("num_local_experts", 5L)
        .with("sliding_window", 6L);
  }

  @Test
  void gpt_oss_has_sinks_biased_experts_and_a_window_in_every_other_layer() {
    for (DType dtype : exactTypes()) {
      checkGptOss(gptOss(dtype), layer -> layer % 2 == 0 ? 6 : NONE);
    }
    checkGptOss(
        gptOss(DType.F32)
            .with("swiglu_limit", 7.0)
            .with("layer_types", List.of("full_attention", "sliding_attention", "full_attention")),
        layer -> layer == 1 ? 6 : NONE);
  }

  private void checkGptOss(SmallModel model, IntUnaryOperator windows) {
    Ways plain = ReferenceModel.plain(model);
    Ways ways = new Ways(GateFunction.SWIGLU_OAI, false, 1, 1, plain.scores(), 1, NO_CAP, NO_CAP);
    check(model, new ReferenceModel(model, new Rules(layer -> PLAIN, windows, 1, ways)));
  }

  @Test
  void olmoe_normalises_all_heads_of_a_row_together_and_has_experts() {
    for (DType dtype : exactTypes()) {
      SmallModel model =
          SmallModel.of("OlmoeForCausalLM", 22, dtype, ODD, Extras.NONE.with(HeadNorms.TOGETHER))
              .withExperts(new Experts(5, 2, 53, false, false, "mlp.gate"))
              .with("num_experts", 5L)
              .with("norm_topk_prob", false);
      check(model, PLAIN, layer -> NONE);
    }
  }

  @Test
  void mellum_does_not_scale_positions_in_layers_with_a_window() {
    Map<String, Object> scaling =
        Map.of(
            "rope_type",
            "yarn",
            "factor",
            4.0,
            "attention_factor",
            1.0,
            "original_max_position_embeddings",
            16L);
    double[] slowed = ReferenceModel.yarn(PLAIN, 10_000, 4, 16, true);
    for (DType dtype : exactTypes()) {
      SmallModel model = mellum(dtype).with("rope_scaling", scaling);
      checkMellum(model, slowed, PLAIN);
    }
    Map<String, Object> sliding = Map.of("rope_type", "default", "rope_theta", 500.0);
    SmallModel model =
        mellum(DType.F32)
            .with(
                "rope_parameters", Map.of("full_attention", scaling, "sliding_attention", sliding));
    checkMellum(model, slowed, ReferenceModel.frequencies(10, 500));
  }

  private static SmallModel mellum(DType dtype) {
    Beside dense = new Beside(1, false, Optional.empty(), 1, 0, "", Optional.empty());
    return SmallModel.of("MellumForCausalLM", 45, dtype, ODD, Extras.NONE.with(HeadNorms.EACH))
        .withExperts(experts(true).with(dense))
        .with("num_experts", 5L)
        .with("moe_intermediate_size", 19L)
        .with("mlp_layer_types", List.of("dense", "sparse", "sparse"))
        .with("sliding_window", 6L)
        .with("layer_types", List.of("sliding_attention", "full_attention", "sliding_attention"));
  }

  private void checkMellum(SmallModel model, double[] full, double[] sliding) {
    Rules rules =
        new Rules(
            layer -> layer == 1 ? full : sliding,
            layer -> layer == 1 ? NONE : 6,
            1,
            ReferenceModel.plain(model));
    check(model, new ReferenceModel(model, rules));
  }
}
