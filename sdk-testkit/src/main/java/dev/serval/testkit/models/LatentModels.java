package dev.serval.testkit.models;

import dev.serval.api.compute.DType;
import dev.serval.testkit.models.Experts.Beside;
import dev.serval.testkit.models.SmallModel.Extras;
import dev.serval.testkit.models.SmallModel.Part;
import dev.serval.testkit.models.SmallModel.Sizes;
import java.util.List;
import java.util.Optional;

/** Small models whose attention is latent, as DeepSeek's is. */
public final class LatentModels {
  private static final String KEYS_AND_VALUES = "self_attn.kv_b_proj.weight";
  private static final String SELECTION_BIAS = "mlp.gate.e_score_correction_bias";

  private LatentModels() {}

  /**
   * The sizes of attention.
   *
   * @param queryRank how many dimensions queries are made of; 0 for a row's
   * @param rank how many keys and values are made of
   * @param unturned how many of a head's query and key positions do not turn
   * @param turned how many they do
   * @param valueDim how many a head's value has
   */
  public record Heads(int queryRank, int rank, int unturned, int turned, int valueDim) {
    int queryColumns() {
      return unturned + turned;
    }

    int mapRows() {
      return unturned + valueDim;
    }
  }

  /**
   * A model with dense feed-forward layers, whose maps to keys and values are together.
   *
   * @param architecture what its configuration names
   * @param seed of its weights
   * @param dtype how they are stored, a plain type
   * @param sizes how large it is
   * @param heads the sizes of its attention
   * @return the model
   */
  public static SmallModel of(
      String architecture, long seed, DType dtype, Sizes sizes, Heads heads) {
    SmallModel model =
        SmallModel.of(architecture, seed, dtype, sizes, Extras.NONE)
            .with("kv_lora_rank", (long) heads.rank)
            .with("qk_nope_head_dim", (long) heads.unturned)
            .with("qk_rope_head_dim", (long) heads.turned)
            .with("v_head_dim", (long) heads.valueDim);
    if (heads.queryRank > 0) {
      model.with("q_lora_rank", (long) heads.queryRank);
    }
    return model.eachLayer(layer -> attention(model, layer + "self_attn.", sizes, heads));
  }

  private static void attention(SmallModel model, String attention, Sizes sizes, Heads heads) {
    for (String map : List.of("q_proj", "k_proj", "v_proj", "o_proj")) {
      model.withoutTensor(attention + map + ".weight");
    }
    int hidden = sizes.hidden();
    int queries = sizes.heads() * heads.queryColumns();
    if (heads.queryRank > 0) {
      model
          .withMatrix(attention + "q_a_proj.weight", heads.queryRank, hidden)
          .withVector(attention + "q_a_layernorm.weight", heads.queryRank, 1)
          .withMatrix(attention + "q_b_proj.weight", queries, heads.queryRank);
    } else {
      model.withMatrix(attention + "q_proj.weight", queries, hidden);
    }
    model
        .withMatrix(attention + "kv_a_proj_with_mqa.weight", heads.rank + heads.turned, hidden)
        .withVector(attention + "kv_a_layernorm.weight", heads.rank, 1)
        .withMatrix(attention + "kv_b_proj.weight", sizes.heads() * heads.mapRows(), heads.rank)
        .withMatrix(attention + "o_proj.weight", hidden, sizes.heads() * heads.valueDim);
  }

  /**
   * Stores the maps to keys and values as GGUF files have them: each of the two in a tensor of its
   * own, that to keys the other way round.
   *
   * @param model a model of such heads
   * @param heads the sizes of its attention
   * @return the same
   */
  public static SmallModel apart(SmallModel model, Heads heads) {
    long count = (long) model.number("num_attention_heads");
    int rank = heads.rank;
    int ofKeys = rank * heads.unturned;
    int ofValues = rank * heads.valueDim;
    int ofHead = ofKeys + ofValues;
    return model
        .with("kv_b_apart", true)
        .eachLayer(layer -> {
          Part keys =
              new Part(
                  layer + "self_attn.k_b_proj.weight",
                  List.of(count, (long) rank, (long) heads.unturned),
                  i -> {
                    int within = i % ofKeys;
                    int row = within % heads.unturned;
                    return i / ofKeys * ofHead + row * rank + within / heads.unturned;
                  });
          Part values =
              new Part(
                  layer + "self_attn.v_b_proj.weight",
                  List.of(count, (long) heads.valueDim, (long) rank),
                  i -> i / ofValues * ofHead + ofKeys + i % ofValues);
          model.parted(layer + KEYS_AND_VALUES, List.of(keys, values));
        });
  }

  /**
   * What is beside experts as DeepSeek-V3 chooses them: scores by the logistic function, a bias
   * where they are chosen and one that all rows go to.
   *
   * @param denseLayers how many of the lowest layers have none
   * @param factor by what everything that they give is multiplied
   * @param shared how wide the one is that all rows go to
   * @return what is beside
   */
  public static Beside chosenBySigmoid(int denseLayers, double factor, int shared) {
    return beside(denseLayers, true, Optional.of(SELECTION_BIAS), factor, shared);
  }

  /**
   * What is beside experts as DeepSeek-V2 chooses them: scores by the softmax and one that all rows
   * go to.
   *
   * @param denseLayers how many of the lowest layers have none
   * @param factor by what everything that they give is multiplied
   * @param shared how wide the one is that all rows go to
   * @return what is beside
   */
  public static Beside chosenBySoftmax(int denseLayers, double factor, int shared) {
    return beside(denseLayers, false, Optional.empty(), factor, shared);
  }

  private static Beside beside(
      int denseLayers, boolean sigmoid, Optional<String> bias, double factor, int shared) {
    return new Beside(
        denseLayers, sigmoid, bias, factor, shared, "mlp.shared_experts.", Optional.empty());
  }

  /**
   * Has experts take the place of dense layers.
   *
   * @param model a model without
   * @param experts what they are
   * @return the same with them, and with the fields that say so
   */
  public static SmallModel withExperts(SmallModel model, Experts experts) {
    Beside beside = experts.beside();
    experts
        .groups()
        .ifPresent(groups ->
            model.with("n_group", (long) groups.count()).with("topk_group", (long) groups.used()));
    return model
        .withExperts(experts)
        .with("n_routed_experts", (long) experts.count())
        .with("moe_intermediate_size", (long) experts.inner())
        .with("n_shared_experts", (long) beside.shared() / experts.inner())
        .with("first_k_dense_replace", (long) beside.denseLayers())
        .with("routed_scaling_factor", beside.factor())
        .with("norm_topk_prob", experts.normalised());
  }
}
