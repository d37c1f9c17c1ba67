package dev.serval.testkit;

import dev.serval.api.compute.DType;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.RouterSpec.GroupScore;
import dev.serval.api.compute.RouterSpec.Groups;
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
import java.util.Optional;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;

/** Families whose feed-forward layers are of experts; a part of {@link FamilyForwardContract}. */
abstract class ExpertFamilyContract extends ForwardContract {
  private static final String SELECTION_BIAS = "mlp.gate.e_score_correction_bias";

  ExpertFamilyContract() {}

  private static Experts experts(boolean normalised) {
    return new Experts(5, 2, 19, normalised, false, "mlp.gate");
  }

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
  void qwen2_with_experts_and_one_that_all_rows_go_to_by_a_share_of_its_own() {
    Beside shared =
        new Beside(
            0,
            false,
            Optional.empty(),
            1,
            31,
            "mlp.shared_expert.",
            Optional.of("mlp.shared_expert_gate"));
    for (DType dtype : exactTypes()) {
      SmallModel model =
          SmallModel.of(
                  "Qwen2MoeForCausalLM", 30, dtype, ODD, Extras.NONE.biases(true, false, false))
              .withExperts(experts(false).with(shared))
              .with("model_type", "qwen2_moe")
              .with("num_experts", 5L)
              .with("moe_intermediate_size", 19L)
              .with("shared_expert_intermediate_size", 31L);
      check(model, PLAIN, layer -> NONE);
    }
  }

  private static Beside sigmoid(int denseLayers, double factor, int shared) {
    return new Beside(
        denseLayers,
        true,
        Optional.of(SELECTION_BIAS),
        factor,
        shared,
        "mlp.shared_experts.",
        Optional.empty());
  }

  private static SmallModel sigmoidExperts(SmallModel model, Beside beside, boolean normalised) {
    return sigmoidExperts(model, experts(normalised).with(beside));
  }

  private static SmallModel sigmoidExperts(SmallModel model, Experts experts) {
    Beside beside = experts.beside();
    return model
        .withExperts(experts)
        .with("n_routed_experts", (long) experts.count())
        .with("moe_intermediate_size", 19L)
        .with("n_shared_experts", (long) beside.shared() / 19)
        .with("first_k_dense_replace", (long) beside.denseLayers())
        .with("routed_scaling_factor", beside.factor())
        .with("norm_topk_prob", experts.normalised())
        .with("n_group", (long) experts.groups().map(Groups::count).orElse(1))
        .with("topk_group", (long) experts.groups().map(Groups::used).orElse(1));
  }

  @Test
  void glm4_with_experts_turns_half_of_a_head_and_leaves_out_what_predicts_further_tokens() {
    double[] ofFour = ReferenceModel.frequencies(4, 10_000);
    Sizes eight = new Sizes(91, 37, 53, 3, 6, 2, 8);
    for (DType dtype : exactTypes()) {
      SmallModel model =
          SmallModel.of("Glm4MoeForCausalLM", 31, dtype, eight, Extras.NONE)
              .with("num_nextn_predict_layers", 1L)
              .withTensor("model.layers.3.eh_proj.weight", DType.F32, 37, 74);
      check(sigmoidExperts(model, sigmoid(1, 2.5, 19), true), ofFour, layer -> NONE);
    }
    Extras extras = Extras.NONE.biases(true, false, false).with(HeadNorms.EACH);
    SmallModel model =
        SmallModel.of("Glm4MoeForCausalLM", 32, DType.F32, eight, extras)
            .with("attention_bias", true)
            .with("use_qk_norm", true);
    check(sigmoidExperts(model, sigmoid(0, 1, 38), true), ofFour, layer -> NONE);
  }

  @Test
  void glm4_with_experts_in_groups_goes_to_those_of_its_best_groups() {
    Sizes eight = new Sizes(91, 37, 53, 3, 6, 2, 8);
    for (Groups groups : List.of(two(2, 1), two(4, 2))) {
      for (DType dtype : exactTypes()) {
        Experts experts = new Experts(8, 2, 19, true, false, "mlp.gate").with(groups);
        SmallModel model =
            sigmoidExperts(
                SmallModel.of("Glm4MoeForCausalLM", 37, dtype, eight, Extras.NONE),
                experts.with(sigmoid(1, 2.5, 19)));
        check(model, ReferenceModel.frequencies(4, 10_000), layer -> NONE);
      }
    }
  }

  private static Groups two(int count, int used) {
    return new Groups(count, used, GroupScore.TWO_HIGHEST);
  }

  @Test
  void dots1_with_and_without_experts_that_all_rows_go_to() {
    for (DType dtype : exactTypes()) {
      SmallModel model =
          SmallModel.of("Dots1ForCausalLM", 33, dtype, ODD, Extras.NONE.with(HeadNorms.EACH));
      check(sigmoidExperts(model, sigmoid(2, 1.5, 38), false), PLAIN, layer -> NONE);
    }
    SmallModel model =
        SmallModel.of("Dots1ForCausalLM", 34, DType.F32, ODD, Extras.NONE.with(HeadNorms.EACH));
    check(sigmoidExperts(model, sigmoid(3, 1, 0), true), PLAIN, layer -> NONE);
  }

  @Test
  void ernie_with_experts_whose_selection_bias_may_have_a_dimension_more() {
    String selectionBias = "mlp.moe_statics.e_score_correction_bias";
    Beside beside =
        new Beside(
            1, false, Optional.of(selectionBias), 1, 38, "mlp.shared_experts.", Optional.empty());
    for (DType dtype : exactTypes()) {
      SmallModel model =
          SmallModel.of("Ernie4_5_MoeForCausalLM", 35, dtype, ODD, Extras.NONE)
              .withExperts(experts(true).with(beside))
              .without("num_experts_per_tok")
              .with("moe_num_experts", 5L)
              .with("moe_k", 2L)
              .with("moe_intermediate_size", 19L)
              .with("moe_num_shared_experts", 2L)
              .with("moe_layer_start_index", 1L)
              .with("tie_word_embeddings", false)
              .reshaped("model.layers.1." + selectionBias, 1, 5);
      Rules rules = new Rules(layer -> PLAIN, layer -> NONE, 1, true, ReferenceModel.plain(model));
      check(model, new ReferenceModel(model, rules));
    }
  }
}
