package dev.serval.testkit;

import dev.serval.api.compute.DType;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.RouterSpec.GroupScore;
import dev.serval.api.compute.RouterSpec.Groups;
import dev.serval.testkit.ReferenceModel.Rules;
import dev.serval.testkit.ReferenceModel.Ways;
import dev.serval.testkit.models.Experts;
import dev.serval.testkit.models.Experts.Beside;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Extras;
import dev.serval.testkit.models.SmallModel.Extras.BranchNorms;
import dev.serval.testkit.models.SmallModel.Extras.HeadNorms;
import dev.serval.testkit.models.SmallModel.Sizes;
import dev.serval.testkit.models.StatefulModels;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/**
 * Families that have experts that all rows go to, beside those that some do; a part of {@link
 * FamilyForwardContract}.
 */
abstract class SharedExpertFamilyContract extends ForwardContract {
  private static final String SELECTION_BIAS = "mlp.gate.e_score_correction_bias";
  private static final Sizes EIGHT = new Sizes(91, 37, 53, 3, 6, 2, 8);

  SharedExpertFamilyContract() {}

  static Experts experts(boolean normalised) {
    return experts("mlp.gate", normalised);
  }

  private static Experts experts(String router, boolean normalised) {
    return new Experts(5, 2, 19, normalised, false, router);
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
    return sigmoid(denseLayers, factor, shared, SELECTION_BIAS);
  }

  private static Beside sigmoid(int denseLayers, double factor, int shared, String selectionBias) {
    return beside(denseLayers, true, Optional.of(selectionBias), factor, shared);
  }

  private static Beside softmax(int denseLayers, int shared) {
    return beside(denseLayers, false, Optional.empty(), 1, shared);
  }

  private static Beside beside(
      int denseLayers, boolean sigmoid, Optional<String> bias, double factor, int shared) {
    return new Beside(
        denseLayers, sigmoid, bias, factor, shared, "mlp.shared_experts.", Optional.empty());
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
    for (DType dtype : exactTypes()) {
      SmallModel model =
          SmallModel.of("Glm4MoeForCausalLM", 31, dtype, EIGHT, Extras.NONE)
              .with("num_nextn_predict_layers", 1L)
              .withTensor("model.layers.3.eh_proj.weight", DType.F32, 37, 74);
      check(sigmoidExperts(model, sigmoid(1, 2.5, 19), true), ofFour, layer -> NONE);
    }
    Extras extras = Extras.NONE.biases(true, false, false).with(HeadNorms.EACH);
    SmallModel model =
        SmallModel.of("Glm4MoeForCausalLM", 32, DType.F32, EIGHT, extras)
            .with("attention_bias", true)
            .with("use_qk_norm", true);
    check(sigmoidExperts(model, sigmoid(0, 1, 38), true), ofFour, layer -> NONE);
  }

  @Test
  void glm4_with_experts_in_groups_goes_to_those_of_its_best_groups() {
    for (Groups groups : List.of(two(2, 1), two(4, 2))) {
      for (DType dtype : exactTypes()) {
        Experts experts = new Experts(8, 2, 19, true, false, "mlp.gate").with(groups);
        SmallModel model =
            sigmoidExperts(
                SmallModel.of("Glm4MoeForCausalLM", 37, dtype, EIGHT, Extras.NONE),
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
    Beside beside = beside(1, false, Optional.of(selectionBias), 1, 38);
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

  @Test
  void deepseek_moe_has_experts_by_softmax_above_dense_layers() {
    for (DType dtype : exactTypes()) {
      SmallModel model =
          SmallModel.of("DeepseekForCausalLM", 46, dtype, ODD, Extras.NONE)
              .with("model_type", "deepseek")
              .with("scoring_func", "softmax")
              .with("moe_layer_freq", 1L);
      check(sigmoidExperts(model, softmax(1, 38), false), PLAIN, layer -> NONE);
    }
  }

  /** Under Ling's names, queries, keys and values in one map. */
  private static SmallModel ling(SmallModel model) {
    model.renamed("model.embed_tokens.weight", "model.word_embeddings.weight");
    model.eachLayer(layer -> {
      fuseInputs(model, layer, ".weight");
      String attention = layer + "attention.";
      model.renamed(layer + "self_attn.qkv_proj.weight", attention + "query_key_value.weight");
      model.renamed(layer + "self_attn.o_proj.weight", attention + "dense.weight");
      if (model.holds(layer + "self_attn.q_norm.weight")) {
        model.renamed(layer + "self_attn.q_norm.weight", attention + "query_layernorm.weight");
        model.renamed(layer + "self_attn.k_norm.weight", attention + "key_layernorm.weight");
      }
    });
    return model
        .renamedField("n_routed_experts", "num_experts")
        .renamedField("n_shared_experts", "num_shared_experts");
  }

  @Test
  void ling_has_experts_by_softmax_and_one_map_of_queries_keys_and_values() {
    for (DType dtype : exactTypes()) {
      SmallModel model =
          SmallModel.of("BailingMoeForCausalLM", 47, dtype, ODD, Extras.NONE)
              .with("model_type", "bailing_moe")
              .with("norm_head", false)
              .with("use_bias", false);
      check(ling(sigmoidExperts(model, softmax(0, 38), true)), PLAIN, layer -> NONE);
    }
  }

  @Test
  void ling_2_normalises_heads_turns_half_of_each_and_has_groups_of_experts() {
    double[] ofFour = ReferenceModel.frequencies(4, 10_000);
    Beside beside = sigmoid(1, 2.5, 19, "mlp.gate.expert_bias");
    for (DType dtype : exactTypes()) {
      SmallModel model =
          SmallModel.of(
                  "BailingMoeV2ForCausalLM", 48, dtype, EIGHT, Extras.NONE.with(HeadNorms.EACH))
              .with("model_type", "bailing_moe")
              .with("score_function", "sigmoid")
              .with("rotary_dim", 4L)
              .with("moe_router_enable_expert_bias", true)
              .with("moe_shared_expert_intermediate_size", 19L)
              .with("num_nextn_predict_layers", 1L)
              .withTensor("model.layers.3.eh_proj.weight", DType.F32, 37, 74);
      Experts experts = new Experts(8, 2, 19, true, false, "mlp.gate").with(two(4, 2));
      check(ling(sigmoidExperts(model, experts.with(beside))), ofFour, layer -> NONE);
    }
  }

  @Test
  void k_exaone_turns_nothing_where_there_is_no_window() {
    Sizes five = new Sizes(91, 37, 53, 5, 6, 2, 10);
    for (DType dtype : exactTypes()) {
      SmallModel model =
          SmallModel.of("ExaoneMoEForCausalLM", 49, dtype, five, Extras.NONE.with(HeadNorms.EACH))
              .with("model_type", "exaone_moe")
              .with("sliding_window", 6L)
              .with("sliding_window_pattern", "LLLG")
              .with("mlp_layer_types", List.of("dense", "sparse", "sparse", "sparse", "sparse"));
      sigmoidExperts(model, sigmoid(1, 2.5, 19), true)
          .renamedField("n_routed_experts", "num_experts")
          .renamedField("n_shared_experts", "num_shared_experts");
      check(model, new ReferenceModel(model, windowed(ReferenceModel.plain(model))));
    }
  }

  private static Rules windowed(Ways ways) {
    return new Rules(
        layer -> layer == 3 ? new double[0] : PLAIN, layer -> layer == 3 ? NONE : 6, 1, ways);
  }

  @Test
  void trinity_has_gates_of_attention_and_norms_at_both_ends() {
    for (DType dtype : exactTypes()) {
      SmallModel model = trinity(dtype, 38);
      check(model, new ReferenceModel(model, windowed(ReferenceModel.plain(model))));
      Ways plain = ReferenceModel.plain(model);
      double root = Math.sqrt(37);
      Ways ways = new Ways(GateFunction.SILU, false, root, 1, plain.scores(), 1, NO_CAP, NO_CAP);
      check(model.with("mup_enabled", true), new ReferenceModel(model, windowed(ways)));
    }
    SmallModel without = trinity(DType.F32, 0);
    check(without, new ReferenceModel(without, windowed(ReferenceModel.plain(without))));
  }

  private static SmallModel trinity(DType dtype, int shared) {
    Sizes five = new Sizes(91, 37, 53, 5, 6, 2, 10);
    Extras extras = Extras.NONE.with(HeadNorms.EACH).with(BranchNorms.BOTH);
    Beside beside = sigmoid(2, 2.8, shared, "mlp.expert_bias");
    SmallModel model =
        sigmoidExperts(
            SmallModel.of("AfmoeForCausalLM", 50, dtype, five, extras),
            experts("mlp.router.gate", true).with(beside));
    model.eachLayer(layer -> {
      model.withMatrix(layer + StatefulModels.GATES + ".weight", 60, 37);
      model.renamed(layer + StatefulModels.GATES + ".weight", layer + "self_attn.gate_proj.weight");
      model.renamed(layer + "pre_feedforward_layernorm.weight", layer + "pre_mlp_layernorm.weight");
      model.renamed(
          layer + "post_feedforward_layernorm.weight", layer + "post_mlp_layernorm.weight");
    });
    return model
        .renamedField("n_routed_experts", "num_experts")
        .renamedField("n_shared_experts", "num_shared_experts")
        .renamedField("first_k_dense_replace", "num_dense_layers")
        .renamedField("norm_topk_prob", "route_norm")
        .renamedField("routed_scaling_factor", "route_scale")
        .with("score_func", "sigmoid")
        .with("global_attn_every_n_layers", 4L)
        .with("sliding_window", 6L);
  }
}
