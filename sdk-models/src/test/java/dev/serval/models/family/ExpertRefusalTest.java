package dev.serval.models.family;

import static dev.serval.models.family.LatentRefusalTest.deepseekV2;
import static dev.serval.models.family.LatentRefusalTest.deepseekV3;
import static dev.serval.models.family.Refusals.SIZES;
import static dev.serval.models.family.Refusals.inspect;
import static dev.serval.models.family.Refusals.model;
import static dev.serval.models.family.Refusals.refused;
import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.compute.DType;
import dev.serval.testkit.models.Experts;
import dev.serval.testkit.models.InstalledFamilies;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Extras;
import dev.serval.testkit.models.SmallModel.Extras.HeadNorms;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Experts that do not fit, or that a family does not choose in its way, are refused. */
final class ExpertRefusalTest {
  private static SmallModel qwen3Moe() {
    return SmallModel.of(
            "Qwen3MoeForCausalLM", 3, DType.F32, SIZES, Extras.NONE.with(Extras.HeadNorms.EACH))
        .withExperts(new Experts(3, 2, 7, true, false, "mlp.gate"))
        .with("num_experts", 3L)
        .with("moe_intermediate_size", 7L);
  }

  static SmallModel miniMaxM2() {
    Experts.Names names = Experts.Names.mixtral("gate");
    Experts.Beside scores = Experts.Beside.scored("block_sparse_moe.e_score_correction_bias");
    return SmallModel.of(
            "MiniMaxM2ForCausalLM", 6, DType.F32, SIZES, Extras.NONE.with(HeadNorms.TOGETHER))
        .withExperts(new Experts(3, 2, 28, true, false, names, scores))
        .with("num_local_experts", 3L);
  }

  static SmallModel glm4Moe() {
    Experts.Beside beside =
        new Experts.Beside(
            1,
            true,
            Optional.of("mlp.gate.e_score_correction_bias"),
            1,
            14,
            "mlp.shared_experts.",
            Optional.empty());
    return SmallModel.of("Glm4MoeForCausalLM", 5, DType.F32, SIZES, Extras.NONE)
        .withExperts(new Experts(3, 2, 7, true, false, "mlp.gate").with(beside))
        .with("n_routed_experts", 3L)
        .with("n_shared_experts", 2L)
        .with("first_k_dense_replace", 1L)
        .with("moe_intermediate_size", 7L);
  }

  static SmallModel gptOss() {
    Extras extras = Extras.NONE.biases(true, true, false).withSinks();
    return SmallModel.of("GptOssForCausalLM", 4, DType.F32, SIZES, extras)
        .withExperts(new Experts(3, 2, 7, true, true, "mlp.router"))
        .with("num_local_experts", 3L)
        .with("intermediate_size", 7L)
        .with("sliding_window", 4L);
  }

  @Test
  void experts_that_contradict_the_configuration_are_refused() {
    refused(qwen3Moe().with("num_experts", 4L), "mlp.gate.weight", "[3, ");
    refused(qwen3Moe().with("num_experts", 2L), "mlp.gate.weight", "[3, ");
    refused(qwen3Moe().with("num_experts", 1L << 30), "'num_experts'", "4096");
    refused(
        qwen3Moe().with("num_experts_per_tok", 4L), "'num_experts_per_tok' is 4", "at most", "3");
    refused(qwen3Moe().with("moe_intermediate_size", 8L), "gate_proj.weight", "[7, ");
    refused(qwen3Moe().with("decoder_sparse_step", 2L), "'decoder_sparse_step'", "2", "1");
    refused(qwen3Moe().with("mlp_only_layers", List.of(0L)), "'mlp_only_layers'", "[0]");
    for (String tensor : List.of("mlp.gate.weight", "mlp.experts.2.up_proj.weight")) {
      refused(qwen3Moe().withoutTensor("model.layers.0." + tensor), tensor, "missing");
    }
  }

  @Test
  void minimax_of_other_scores_experts_or_attention_is_refused() {
    refused(miniMaxM2().with("scoring_func", "softmax"), "'scoring_func'", "softmax", "sigmoid");
    refused(miniMaxM2().with("use_routing_bias", false), "'use_routing_bias'", "false", "true");
    refused(miniMaxM2().with("use_qk_norm", false), "'use_qk_norm'", "false", "true");
    refused(miniMaxM2().with("qk_norm_type", "per_head"), "'qk_norm_type'", "per_head");
    refused(miniMaxM2().with("shared_intermediate_size", 5L), "'shared_intermediate_size'", "5");
    refused(miniMaxM2().with("attn_type_list", List.of(1L, 2L)), "'attn_type_list'", "[1, 2]");
    refused(miniMaxM2().with("rotary_dim", 3L), "'rotary_dim'", "3");
  }

  @Test
  void experts_that_all_rows_go_to_and_what_predicts_further_tokens_are_as_is_said() {
    refused(glm4Moe().with("scoring_func", "softmax"), "'scoring_func'", "softmax", "sigmoid");
    refused(glm4Moe().with("n_shared_experts", 1L), "shared_experts.gate_proj.weight", "[14, ");
    refused(glm4Moe().with("n_shared_experts", 0L), "shared_experts", "not part of");
    refused(glm4Moe().with("n_shared_experts", 1L << 30), "'n_shared_experts'", "7", "2^30");
    refused(glm4Moe().with("first_k_dense_replace", 2L), "layers.1.mlp.gate_proj", "missing");
    String layer = "model.layers.1.";
    for (String tensor :
        List.of("mlp.gate.e_score_correction_bias", "mlp.shared_experts.up_proj.weight")) {
      refused(glm4Moe().withoutTensor(layer + tensor), tensor, "missing");
    }
    SmallModel drafting = glm4Moe().withTensor("model.layers.2.eh_proj.weight", DType.F32, 16, 32);
    refused(drafting, "model.layers.2.eh_proj.weight", "not part of");
    InstalledFamilies.of(drafting).inspect(drafting.with("num_nextn_predict_layers", 1L));
    drafting.withTensor("model.layers.3.eh_proj.weight", DType.F32, 16, 32);
    refused(drafting, "model.layers.3.eh_proj.weight", "not part of");
  }

  @Test
  void groups_that_experts_cannot_be_in_are_refused() {
    refused(glm4Moe().with("n_group", 2L), "'n_group' is 2", "divides", "experts, 3");
    refused(glm4Moe().with("n_group", 3L), "'n_group' is 3", "half", "experts, 3");
    refused(glm4Moe().with("n_group", 0L), "'n_group' is 0", "whole number from 1");
    refused(glm4Moe().with("topk_group", 2L), "'topk_group' is 2", "n_group, 1");
    SmallModel six = glm4Moe().with("n_routed_experts", 6L).with("n_group", 2L);
    refused(six, "'topk_group' is missing");
    refused(six.with("topk_group", 3L), "'topk_group' is 3", "from 1", "to n_group, 2");
    six.with("topk_group", 1L).with("num_experts_per_tok", 4L);
    refused(six, "'topk_group' is 1", "from 2, as 4 experts are in so many");
  }

  @Test
  void experts_that_deepseek_does_not_choose_in_its_way_are_refused() {
    String method = "topk_method";
    refused(deepseekV3().with(method, "greedy"), "'topk_method'", "greedy", "noaux_tc");
    refused(deepseekV3().with("scoring_func", "softmax"), "'scoring_func'", "softmax", "sigmoid");
    refused(deepseekV3().with("n_group", 3L), "'n_group' is 3", "divides", "experts, 4");
    refused(deepseekV3().with("moe_layer_freq", 2L), "'moe_layer_freq'", "2", "1");
    refused(
        deepseekV2().with(method, "noaux_tc"),
        "'topk_method'",
        "noaux_tc",
        "greedy, group_limited_greedy");
    refused(deepseekV2().with("scoring_func", "sigmoid"), "'scoring_func'", "sigmoid", "softmax");
    refused(deepseekV2().with("n_group", 2L), "'n_group' is 2", "1 alone");
    refused(
        deepseekV2().with(method, "group_limited_greedy").with("n_group", 3L),
        "'n_group' is 3",
        "divides",
        "experts, 4");
    SmallModel four = deepseekV2().with(method, "group_limited_greedy").with("n_group", 4L);
    refused(
        four.with("topk_group", 1L), "'topk_group' is 1", "from 2, as 2 experts are in so many");
    assertThat(inspect(four.with("topk_group", 2L)).family()).isEqualTo("deepseek_v2");
  }

  @Test
  void sinks_biases_and_limits_that_are_not_gpt_oss_s_are_refused() {
    refused(gptOss().with("swiglu_limit", 5.0), "'swiglu_limit' is 5.0", "7.0");
    refused(gptOss().without("sliding_window"), "'sliding_window' is missing");
    refused(gptOss().with("attention_bias", false), "_proj.bias");
    String layer = "model.layers.0.";
    for (String tensor :
        List.of("self_attn.sinks", "mlp.router.bias", "mlp.experts.2.down_proj.bias")) {
      refused(gptOss().withoutTensor(layer + tensor), tensor, "missing");
    }
    refused(gptOss().withTensor(layer + "self_attn.sinks", DType.F32, 5), "self_attn.sinks", "[5]");
  }

  /** What is refused here is refused before any of its tensors are looked at. */
  private static SmallModel sharedExperts(String architecture) {
    return model(architecture, Extras.NONE)
        .with("num_experts", 3L)
        .with("num_experts_per_tok", 2L)
        .with("moe_intermediate_size", 24L)
        .with("num_shared_experts", 1L);
  }

  @Test
  void what_ling_does_not_do_is_refused() {
    SmallModel ling = sharedExperts("BailingMoeForCausalLM");
    refused(ling.with("norm_head", true), "'norm_head' is true", "false or missing");
    ling.with("norm_head", false).with("score_function", "sigmoid");
    refused(ling, "'score_function' is \"sigmoid\"", "one of softmax");
    SmallModel second = sharedExperts("BailingMoeV2ForCausalLM");
    second.with("moe_shared_expert_intermediate_size", 12L);
    refused(second, "'moe_shared_expert_intermediate_size' is 12", "moe_intermediate_size, 24");
    second.without("moe_shared_expert_intermediate_size");
    refused(second.with("moe_router_enable_expert_bias", false), "true or missing");
  }

  @Test
  void patterns_of_k_exaone_and_groups_of_trinity_are_their_own() {
    SmallModel exaone =
        sharedExperts("ExaoneMoEForCausalLM")
            .with("sliding_window", 6L)
            .with("sliding_window_pattern", 3L);
    refused(exaone, "'sliding_window_pattern' is 3", "4 or \"LLLG\"");
    refused(exaone.with("sliding_window_pattern", "LG"), "\"LG\"", "one of LLLG");
    exaone.with("sliding_window_pattern", 4L).with("first_k_dense_replace", 1L);
    refused(exaone.with("mlp_layer_types", List.of("dense")), "'mlp_layer_types'", "2 layers");
    exaone.with("mlp_layer_types", List.of("sparse", "sparse"));
    refused(exaone, "\"dense\" in layer 0, as other fields say");
    SmallModel trinity = sharedExperts("AfmoeForCausalLM").with("sliding_window", 6L);
    refused(trinity.with("num_expert_groups", 2L), "'num_expert_groups' is 2", "1 or missing");
  }
}
