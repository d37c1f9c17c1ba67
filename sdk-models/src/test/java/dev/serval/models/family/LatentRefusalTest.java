package dev.serval.models.family;

import static dev.serval.models.family.Refusals.inspect;
import static dev.serval.models.family.Refusals.refused;
import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.cache.KvShape;
import dev.serval.api.compute.DType;
import dev.serval.api.model.ModelSpec;
import dev.serval.testkit.models.Experts;
import dev.serval.testkit.models.LatentModels;
import dev.serval.testkit.models.LatentModels.Heads;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Sizes;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What latent attention keeps is described; sizes and tensors that it cannot have are refused. */
final class LatentRefusalTest {
  private static final Heads HEADS = new Heads(6, 32, 6, 2, 4);

  private static SmallModel latent(String architecture) {
    Sizes sizes = new Sizes(20, 16, 24, 2, 4, 4, 2);
    return LatentModels.of(architecture, 12, DType.F32, sizes, HEADS);
  }

  static SmallModel deepseekV2() {
    Experts experts = new Experts(4, 2, 7, false, false, "mlp.gate");
    return LatentModels.withExperts(
        latent("DeepseekV2ForCausalLM"), experts.with(LatentModels.chosenBySoftmax(1, 1, 14)));
  }

  static SmallModel deepseekV3() {
    Experts experts = new Experts(4, 2, 7, true, false, "mlp.gate");
    return LatentModels.withExperts(
        latent("DeepseekV3ForCausalLM"), experts.with(LatentModels.chosenBySigmoid(1, 1, 14)));
  }

  @Test
  void what_latent_attention_keeps_is_described() {
    ModelSpec spec = inspect(deepseekV3());
    assertThat(spec.family()).isEqualTo("deepseek_v3");
    assertThat(spec.kvLayers()).containsExactly(new KvShape(1, 34, 32), new KvShape(1, 34, 32));
    assertThat(inspect(LatentModels.apart(deepseekV3(), HEADS))).isEqualTo(spec);
    assertThat(inspect(deepseekV2()).family()).isEqualTo("deepseek_v2");
    assertThat(inspect(latent("Glm4MoeLiteForCausalLM")).family()).isEqualTo("glm4moe_lite");
  }

  @Test
  void sizes_that_latent_attention_cannot_have_are_refused() {
    for (String field :
        List.of("kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")) {
      refused(deepseekV3().without(field), "'" + field + "'", "missing");
      refused(deepseekV3().with(field, 0L), "'" + field + "' is 0");
      refused(deepseekV3().with(field, (1L << 31) - 2), "'num_attention_heads'", "2^31");
    }
    refused(deepseekV3().with("qk_rope_head_dim", 3L), "'qk_rope_head_dim' is 3", "even");
    refused(deepseekV3().with("q_lora_rank", 0L), "'q_lora_rank' is 0");
    refused(deepseekV3().with("num_attention_heads", 1L << 30), "'num_attention_heads'", "2^31");
    refused(deepseekV3().with("num_attention_heads", 1L << 25), "'num_attention_heads'", "65536");
    refused(
        deepseekV3().with("v_head_dim", (1L << 26) + 1).with("qk_nope_head_dim", 1L << 26),
        "'num_attention_heads' is 4",
        "65536 parts of 1 ");
    refused(deepseekV3().with("rope_interleave", "no"), "'rope_interleave'", "true or false");
  }

  @Test
  void tensors_that_latent_attention_cannot_take_are_refused() {
    String attention = "model.layers.1.self_attn.";
    String both = attention + "kv_b_proj.weight";
    refused(deepseekV3().withoutTensor(both), "'" + both + "'", "missing");
    refused(deepseekV3().withTensor(both, DType.F32, 40, 31), both, "[40, 31]", "[40, 32]");
    refused(deepseekV3().withTensor(both, DType.F32, 38, 32), both, "[38, 32]", "[40, 32]");
    refused(deepseekV3().without("q_lora_rank"), "self_attn.q_proj.weight", "missing");
    refused(deepseekV3().with("q_lora_rank", 7L), "self_attn.q_a_proj.weight", "[6, 16]");
    refused(deepseekV3().with("kv_b_apart", true), "self_attn.k_b_proj.weight", "missing");
    SmallModel apart = LatentModels.apart(deepseekV3(), HEADS);
    refused(apart.with("kv_b_apart", false), "self_attn.kv_b_proj.weight", "missing");
    String keys = attention + "k_b_proj.weight";
    refused(
        apart.with("kv_b_apart", true).withTensor(keys, DType.F32, 4, 6, 32),
        keys,
        "[4, 6, 32]",
        "[4, 32, 6]");
  }

  @Test
  void maps_of_heads_that_are_there_in_parts_may_be_there_once_more_as_a_whole() {
    SmallModel apart = LatentModels.apart(deepseekV3(), HEADS).with("kv_b_apart", true);
    ModelSpec spec = inspect(apart);
    apart.eachLayer(layer -> apart.withMatrix(layer + "self_attn.kv_b_proj.weight", 40, 32));
    assertThat(inspect(apart)).isEqualTo(spec);
  }

  @Test
  void a_map_of_keys_in_blocks_that_cannot_be_turned_is_refused() {
    String both = "model.layers.1.self_attn.kv_b_proj.weight";
    refused(
        deepseekV3().withTensor(both, DType.Q8_0, 40, 32),
        both,
        "of type Q8_0",
        "F32, F16 or BF16");
  }
}
