package dev.serval.testkit;

import dev.serval.api.compute.DType;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.RouterSpec.GroupScore;
import dev.serval.api.compute.RouterSpec.Groups;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.testkit.ReferenceModel.Rules;
import dev.serval.testkit.ReferenceModel.Ways;
import dev.serval.testkit.models.Experts;
import dev.serval.testkit.models.LatentModels;
import dev.serval.testkit.models.LatentModels.Heads;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Sizes;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Families whose attention is latent; a part of {@link FamilyForwardContract}. */
abstract class LatentFamilyContract extends StatefulFamilyContract {
  private static final Sizes SIZES = new Sizes(91, 37, 53, 3, 5, 5, 6);

  /** A head's key is made by three parts of the map of both, three rows each, its value by five. */
  private static final Heads RANKED = new Heads(23, 19, 9, 6, 15);

  private static final Heads PLAIN_QUERIES = new Heads(0, 21, 16, 6, 8);

  /** Sizes for which backends have their fastest kernels. */
  private static final Sizes EVEN = new Sizes(96, 64, 96, 2, 4, 4, 32);

  private static final Heads EVEN_HEADS = new Heads(32, 64, 32, 32, 32);

  LatentFamilyContract() {}

  private void check(SmallModel model, double[] frequencies, double factor, double sharpened) {
    check(model, frequencies, factor, sharpened, true);
  }

  private void check(
      SmallModel model, double[] frequencies, double factor, double sharpened, boolean neighbours) {
    double columns = model.number("qk_nope_head_dim") + model.number("qk_rope_head_dim");
    Ways ways = Ways.plain(sharpened * sharpened / Math.sqrt(columns));
    Rules rules = new Rules(layer -> frequencies, layer -> NONE, factor, neighbours, ways);
    check(model, new ReferenceModel(model, rules));
  }

  private void checkPlain(SmallModel model) {
    check(model, plain(model), 1, 1);
  }

  private static double[] plain(SmallModel model) {
    return ReferenceModel.frequencies((int) model.number("qk_rope_head_dim"), 10_000);
  }

  private static SmallModel model(String architecture, long seed, DType dtype, Heads heads) {
    return LatentModels.of(architecture, seed, dtype, SIZES, heads);
  }

  private static Experts experts(Experts.Beside beside, boolean normalised) {
    return new Experts(8, 3, 19, normalised, false, "mlp.gate").with(beside);
  }

  private static SmallModel v3(DType dtype) {
    Experts experts =
        experts(LatentModels.chosenBySigmoid(1, 2.5, 19), true)
            .with(new Groups(4, 2, GroupScore.TWO_HIGHEST));
    return LatentModels.withExperts(model("DeepseekV3ForCausalLM", 91, dtype, RANKED), experts)
        .with("scoring_func", "sigmoid")
        .with("topk_method", "noaux_tc")
        .with("num_nextn_predict_layers", 1L)
        .withTensor("model.layers.3.eh_proj.weight", DType.F32, 37, 74);
  }

  private static Map<String, Object> yarn(double mscale, double ofAll) {
    Map<String, Object> scaling = new HashMap<>();
    scaling.put("type", "yarn");
    scaling.put("factor", 4.0);
    scaling.put("original_max_position_embeddings", 64L);
    scaling.put("mscale", mscale);
    scaling.put("mscale_all_dim", ofAll);
    return scaling;
  }

  private static double sharpened(double scale) {
    return 0.1 * scale * Math.log(4) + 1;
  }

  @Test
  void deepseek_v3_chooses_experts_by_logistic_scores_a_bias_and_groups() {
    for (DType dtype : exactTypes()) {
      checkPlain(v3(dtype));
    }
  }

  @Test
  void deepseek_v3_sharpens_all_dimensions_of_a_longer_context_twice() {
    SmallModel model = v3(DType.F32);
    double[] slowed = ReferenceModel.yarn(plain(model), 10_000, 4, 64, true);
    check(model.with("rope_scaling", yarn(1, 1)), slowed, 1, sharpened(1));
    double factor = sharpened(2) / sharpened(0.7);
    check(model.with("rope_scaling", yarn(2, 0.7)), slowed, factor, sharpened(0.7));
    Map<String, Object> parameters = new HashMap<>(yarn(1, 1));
    parameters.put("rope_theta", 10_000.0);
    parameters.put("rope_type", "yarn");
    model.without("rope_scaling").with("rope_parameters", parameters);
    check(model, slowed, 1, sharpened(1));
  }

  @Test
  void deepseek_v2_makes_queries_of_rows_and_chooses_experts_by_a_softmax() {
    Experts experts = experts(LatentModels.chosenBySoftmax(1, 1, 38), false);
    for (DType dtype : exactTypes()) {
      SmallModel model = model("DeepseekV2ForCausalLM", 92, dtype, PLAIN_QUERIES);
      checkPlain(LatentModels.withExperts(model, experts).with("topk_method", "greedy"));
    }
    SmallModel model = model("DeepseekV2ForCausalLM", 93, DType.F32, PLAIN_QUERIES);
    checkPlain(LatentModels.withExperts(model, experts));
  }

  @Test
  void deepseek_v2_may_choose_experts_of_the_groups_with_the_best_one() {
    Experts experts =
        experts(LatentModels.chosenBySoftmax(1, 16, 38), false)
            .with(new Groups(4, 2, GroupScore.HIGHEST));
    for (DType dtype : exactTypes()) {
      SmallModel model = model("DeepseekV2ForCausalLM", 94, dtype, RANKED);
      LatentModels.withExperts(model, experts)
          .with("scoring_func", "softmax")
          .with("topk_method", "group_limited_greedy");
      double[] slowed = ReferenceModel.yarn(plain(model), 10_000, 4, 64, true);
      check(model.with("rope_scaling", yarn(0.707, 0.707)), slowed, 1, sharpened(0.707));
    }
  }

  @Test
  void glm_flash_turns_neighbours_or_halves() {
    Experts experts = experts(LatentModels.chosenBySigmoid(1, 1.8, 19), true);
    for (DType dtype : exactTypes()) {
      SmallModel model = model("Glm4MoeLiteForCausalLM", 95, dtype, RANKED);
      LatentModels.withExperts(model, experts).with("num_nextn_predict_layers", 1L);
      checkPlain(model);
      checkPlain(model.with("rope_interleave", true));
      check(model.with("rope_interleave", false), plain(model), 1, 1, false);
    }
  }

  @Test
  void minicpm3_turns_halves_and_multiplies_embeddings_branches_and_logits() {
    double branches = 1.4 / Math.sqrt(3);
    for (DType dtype : exactTypes()) {
      SmallModel model =
          model("MiniCPM3ForCausalLM", 100, dtype, RANKED)
              .with("scale_emb", 12L)
              .with("scale_depth", 1.4)
              .with("dim_model_base", 16L);
      double scores = 1 / Math.sqrt(15);
      Ways ways =
          new Ways(GateFunction.SILU, false, 12, branches, scores, 16 / 37.0, NO_CAP, NO_CAP);
      Rules rules = new Rules(layer -> plain(model), layer -> NONE, 1, false, ways);
      check(model.with("tie_word_embeddings", false), new ReferenceModel(model, rules));
    }
  }

  @Test
  void plm_has_no_gates() {
    for (DType dtype : exactTypes()) {
      SmallModel model =
          withoutGates(model("PLMForCausalLM", 101, dtype, PLAIN_QUERIES))
              .with("hidden_act", "relu2")
              .tied();
      Ways ways = Ways.plain(1 / Math.sqrt(22)).with(UngatedFunction.RELU_SQUARED, false, false, 1);
      Rules rules = new Rules(layer -> plain(model), layer -> NONE, 1, true, ways);
      check(model, new ReferenceModel(model, rules));
    }
  }

  @Test
  void latent_attention_goes_without_experts() {
    for (DType dtype : exactTypes()) {
      checkPlain(model("DeepseekV3ForCausalLM", 96, dtype, PLAIN_QUERIES));
      checkPlain(LatentModels.of("DeepseekV3ForCausalLM", 97, dtype, EVEN, EVEN_HEADS));
    }
  }

  @Test
  void maps_of_keys_and_values_may_be_apart_and_those_of_keys_the_other_way_round() {
    for (DType dtype : exactTypes()) {
      checkPlain(LatentModels.apart(v3(dtype).with("rope_interleaved", true), RANKED));
    }
    SmallModel even = LatentModels.of("DeepseekV3ForCausalLM", 98, DType.F32, EVEN, EVEN_HEADS);
    checkPlain(LatentModels.apart(even, EVEN_HEADS));
  }

  @Test
  void latent_attention_has_room_of_its_own_beside_scores_of_many_tokens() {
    Sizes sizes = new Sizes(20_000, 16, 24, 2, 2, 2, 4);
    checkPlain(
        LatentModels.of("DeepseekV3ForCausalLM", 99, DType.F32, sizes, new Heads(8, 8, 4, 4, 8)));
  }
}
