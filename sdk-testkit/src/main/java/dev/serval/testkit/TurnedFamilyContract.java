package dev.serval.testkit;

import dev.serval.api.compute.DType;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Extras;
import dev.serval.testkit.models.SmallModel.Sizes;
import dev.serval.testkit.models.TurnedModels;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Families that normalise heads once these are turned; a part of {@link FamilyForwardContract}. */
abstract class TurnedFamilyContract extends ClassicFamilyContract {
  TurnedFamilyContract() {}

  private static double[] scaled(double alpha) {
    return ReferenceModel.frequencies(10, 10_000 * Math.pow(alpha, 10.0 / 8));
  }

  @Test
  void hunyuan_normalises_heads_behind_the_rotation_whose_base_may_be_scaled() {
    for (DType dtype : exactTypes()) {
      SmallModel model = TurnedModels.hunyuan(71, dtype, ODD, Extras.NONE);
      check(model, PLAIN, layer -> NONE);
      check(model.with("rope_scaling", TurnedModels.alpha(50)), scaled(50), layer -> NONE);
    }
    SmallModel model =
        TurnedModels.hunyuan(72, DType.F32, ODD, Extras.NONE.biases(true, true, false))
            .with("attention_bias", true)
            .with("attention_head_dim", 10L)
            .tied();
    ReferenceModel reference = new ReferenceModel(model, PLAIN, layer -> NONE);
    check(model, reference);
    check(model.without("head_dim"), reference);
  }

  @Test
  void hunyuan_with_experts_has_one_beside_them_that_all_rows_go_to() {
    for (DType dtype : exactTypes()) {
      SmallModel model =
          TurnedModels.hunyuanMoe(73, dtype, ODD, 19, 1)
              .with("rope_scaling", TurnedModels.alpha(1000));
      check(model, scaled(1000), layer -> NONE);
    }
    SmallModel model =
        TurnedModels.hunyuanMoe(74, DType.F32, ODD, 53, 2)
            .without("moe_intermediate_size")
            .with("num_experts", List.of(5L, 5L, 5L))
            .with("moe_topk", 2L);
    check(model, PLAIN, layer -> NONE);
  }

  /** Of four layers. */
  private static SmallModel llama4(int seed, DType dtype, int denseLayers, int used) {
    return TurnedModels.llama4(seed, dtype, new Sizes(91, 37, 53, 4, 6, 2, 10), denseLayers, used);
  }

  private void checkLlama4(SmallModel model, double[] frequencies, Boolean... turning) {
    check(model, new Llama4Reference(model, frequencies, List.of(turning))::logits);
  }

  @Test
  void llama4_sees_chunks_where_positions_turn_heads_and_lets_queries_grow_where_they_do_not() {
    for (DType dtype : exactTypes()) {
      checkLlama4(llama4(75, dtype, 0, 1), PLAIN, true, true, true, false);
    }
    SmallModel model = llama4(76, DType.F32, 0, 1);
    checkLlama4(model.with("use_qk_norm", false), PLAIN, true, true, true, false);
    checkLlama4(model.with("no_rope_layer_interval", 2L), PLAIN, true, false, true, false);
    model.with("attn_temperature_tuning", false).with("no_rope_layers", List.of(0L, 1L, 1L, 1L));
    checkLlama4(model, PLAIN, false, true, true, true);
    model.with("attn_temperature_tuning", 4L).with("no_rope_layers", List.of());
    checkLlama4(model, PLAIN, true, false, true, false);
  }

  @Test
  void llama4_may_have_dense_layers_between_those_of_experts_and_scale_positions() {
    Map<String, Object> scaling =
        Map.of(
            "rope_type",
            "llama3",
            "factor",
            16.0,
            "low_freq_factor",
            1.0,
            "high_freq_factor",
            1.0,
            "original_max_position_embeddings",
            64L);
    for (DType dtype : exactTypes()) {
      SmallModel model = llama4(77, dtype, 2, 2).with("moe_layers", List.of(2L, 3L));
      checkLlama4(model, PLAIN, true, true, true, false);
      double[] frequencies = ReferenceModel.llama3(PLAIN, scaling);
      checkLlama4(model.with("rope_scaling", scaling), frequencies, true, true, true, false);
    }
    SmallModel model = llama4(78, DType.F32, 3, 1).with("interleave_moe_layer_step", 4L);
    checkLlama4(model, PLAIN, true, true, true, false);
  }
}
