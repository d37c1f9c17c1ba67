package dev.serval.models.family;

import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.CheckpointException;
import dev.serval.testkit.models.InstalledFamilies;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Extras;
import dev.serval.testkit.models.SmallModel.Sizes;
import dev.serval.testkit.models.TurnedModels;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What Hunyuan and Llama 4 cannot honour is refused by the field that asks for it. */
final class TurnedRefusalTest {
  private static final Sizes SIZES = new Sizes(20, 16, 24, 2, 4, 2, 4);

  private static SmallModel hunyuan() {
    return TurnedModels.hunyuan(1, DType.F32, SIZES, Extras.NONE);
  }

  private static SmallModel hunyuanMoe() {
    return TurnedModels.hunyuanMoe(2, DType.F32, SIZES, 7, 1);
  }

  private static SmallModel llama4() {
    return TurnedModels.llama4(3, DType.F32, SIZES, 0, 1);
  }

  private static void refused(SmallModel model, String... words) {
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> InstalledFamilies.of(model).inspect(model))
        .withMessageContainingAll(words)
        .withMessageContaining("/models/small");
  }

  @Test
  void hunyuan_of_other_kinds_is_refused() {
    refused(hunyuan().with("use_cla", true), "'use_cla' is true", "false");
    refused(hunyuan().with("use_mla", true), "'use_mla' is true", "false");
    refused(hunyuan().with("position_embedding_xdrope", true), "'position_embedding_xdrope'");
    refused(hunyuan().with("add_classification_head", true), "'add_classification_head'");
    refused(hunyuan().with("use_rotary_pos_emb", false), "'use_rotary_pos_emb' is false", "true");
    refused(hunyuan().with("norm_type", "fused"), "'norm_type' is \"fused\"", "rms");
    refused(hunyuan().with("num_experts", 4L), "'num_experts' is 4", "1");
    refused(hunyuan().with("attention_head_dim", 8L), "'attention_head_dim' is 8", "4");
    refused(hunyuan().with("use_qk_norm", false), "layernorm.weight", "not part of the model");
  }

  @Test
  void hunyuan_scales_positions_by_an_alpha_or_as_others_do() {
    refused(
        hunyuan().with("rope_scaling", Map.of("type", "dynamic", "factor", 2.0)),
        "'rope_scaling.alpha' is missing");
    refused(
        hunyuan().with("rope_scaling", Map.of("type", "dynamic", "alpha", 0.0)),
        "'rope_scaling.alpha' is 0.0");
    refused(
        hunyuan().with("rope_scaling", Map.of("type", "xdrope", "alpha", 50.0)),
        "'rope_scaling.type' is \"xdrope\"",
        "dynamic");
  }

  @Test
  void hunyuan_has_as_many_experts_in_each_layer() {
    refused(
        hunyuanMoe().with("moe_topk", List.of(2L, 1L)),
        "'moe_topk' is [2, 1]",
        "same number for each layer");
    refused(hunyuanMoe().with("num_experts", List.of()), "'num_experts' is []");
    refused(hunyuanMoe().with("moe_topk", 6L), "'moe_topk' is 6", "5");
    refused(hunyuanMoe().with("num_shared_expert", 1L << 30), "'num_shared_expert'", "24");
    refused(hunyuanMoe().with("group_limited_greedy", true), "'group_limited_greedy' is true");
    refused(hunyuanMoe().with("norm_topk_prob", false), "'norm_topk_prob' is false");
  }

  @Test
  void llama4_of_other_kinds_is_refused() {
    refused(llama4().with("attention_chunk_size", 0L), "'attention_chunk_size' is 0", "from 1");
    refused(
        llama4().with("layer_types", List.of("sliding_attention", "full_attention")),
        "'layer_types'",
        "sliding_attention",
        "full_attention or chunked_attention");
    refused(llama4().with("no_rope_layers", List.of(1L)), "'no_rope_layers'", "2 layers");
    refused(llama4().with("moe_layers", List.of(0L, 2L)), "'moe_layers' is [0, 2]", "up to 1");
    refused(llama4().with("attn_temperature_tuning", "on"), "'attn_temperature_tuning'", "true");
    refused(llama4().with("floor_scale", 0L), "'floor_scale' is 0");
    refused(llama4().without("intermediate_size_mlp"), "'intermediate_size_mlp'", "missing");
  }
}
