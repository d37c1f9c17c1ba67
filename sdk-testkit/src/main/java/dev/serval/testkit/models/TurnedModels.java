package dev.serval.testkit.models;

import dev.serval.api.compute.DType;
import dev.serval.testkit.models.Experts.Beside;
import dev.serval.testkit.models.Experts.Names;
import dev.serval.testkit.models.SmallModel.Extras;
import dev.serval.testkit.models.SmallModel.Extras.HeadNorms;
import dev.serval.testkit.models.SmallModel.Sizes;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Small models of families that normalise heads once these are turned. */
public final class TurnedModels {
  private static final int EXPERTS = 5;
  private static final int INNER = 19;
  private static final String MLP = "feed_forward.";

  private TurnedModels() {}

  /**
   * A Hunyuan without experts.
   *
   * @param seed of its weights
   * @param dtype how they are stored
   * @param sizes how large it is
   * @param extras what its layers have besides
   * @return the model
   */
  public static SmallModel hunyuan(long seed, DType dtype, Sizes sizes, Extras extras) {
    return hunyuan("HunYuanDenseV1ForCausalLM", seed, dtype, sizes, extras);
  }

  private static SmallModel hunyuan(
      String architecture, long seed, DType dtype, Sizes sizes, Extras extras) {
    return SmallModel.of(architecture, seed, dtype, sizes, extras.with(HeadNorms.EACH_BEHIND))
        .with("use_qk_norm", true)
        .with("use_cla", false)
        .with("cla_share_factor", 2L)
        .with("norm_type", "rms");
  }

  /**
   * A Hunyuan with experts, of which it says for each layer how many there are.
   *
   * @param seed of its weights
   * @param dtype how they are stored
   * @param sizes how large it is
   * @param inner how wide experts are within
   * @param shared how many there are that all rows go to
   * @return the model
   */
  public static SmallModel hunyuanMoe(long seed, DType dtype, Sizes sizes, int inner, int shared) {
    Beside beside =
        new Beside(
            0,
            false,
            Optional.empty(),
            1,
            shared * sizes.intermediate(),
            "mlp.shared_mlp.",
            Optional.empty());
    return hunyuan("HunYuanMoEV1ForCausalLM", seed, dtype, sizes, Extras.NONE)
        .withExperts(new Experts(EXPERTS, 2, inner, true, false, "mlp.gate.wg").with(beside))
        .without("num_experts_per_tok")
        .with("num_experts", (long) EXPERTS)
        .with("moe_topk", Collections.nCopies(sizes.layers(), 2L))
        .with("moe_intermediate_size", Collections.nCopies(sizes.layers(), (long) inner))
        .with("num_shared_expert", Collections.nCopies(sizes.layers(), (long) shared));
  }

  /**
   * How Hunyuan says that positions are scaled.
   *
   * @param alpha by how much
   * @return the fields
   */
  public static Map<String, Object> alpha(double alpha) {
    return Map.of("type", "dynamic", "alpha", alpha, "factor", 1.0, "mscale_all_dim", 1.0);
  }

  /**
   * A Llama 4 with experts.
   *
   * @param seed of its weights
   * @param dtype how they are stored
   * @param sizes how large it is; its dense layers
   * @param denseLayers how many of the lowest layers have no experts
   * @param used to how many a row goes
   * @return the model
   */
  public static SmallModel llama4(long seed, DType dtype, Sizes sizes, int denseLayers, int used) {
    SmallModel model =
        SmallModel.of("Llama4ForCausalLM", seed, dtype, sizes, Extras.NONE)
            .with("model_type", "llama4_text")
            .with("attention_chunk_size", 16L)
            .with("attn_temperature_tuning", true)
            .with("floor_scale", 8L)
            .with("attn_scale", 0.4);
    for (int layer = 0; layer < denseLayers; layer++) {
      String prefix = "model.layers." + layer + ".";
      for (String map : List.of("gate_proj", "up_proj", "down_proj")) {
        boolean down = map.equals("down_proj");
        int rows = down ? sizes.hidden() : sizes.intermediate();
        int columns = down ? sizes.intermediate() : sizes.hidden();
        model
            .withoutTensor(prefix + "mlp." + map + ".weight")
            .withMatrix(prefix + MLP + map + ".weight", rows, columns);
      }
    }
    Names names = new Names(MLP + "router", MLP + "experts", "gate_proj", "up_proj", "down_proj");
    Beside shared =
        new Beside(
            denseLayers,
            true,
            Optional.empty(),
            1,
            INNER,
            MLP + "shared_expert.",
            Optional.empty());
    return model
        .withExperts(new Experts(EXPERTS, used, INNER, false, false, names, shared))
        .with("num_local_experts", (long) EXPERTS)
        .with("intermediate_size", (long) INNER)
        .with("intermediate_size_mlp", (long) sizes.intermediate());
  }
}
