package dev.serval.storage.gguf.architecture;

import java.util.Set;

/**
 * Translates what a file says of experts as DeepSeek has them: chosen within groups, by a score
 * that the logistic function gives, beside some that all rows go to.
 */
public final class RoutedExperts {
  /** What is said of them beside how many there are. */
  public static final Set<String> KEYS =
      Set.of(Keys.SHARED_EXPERTS, Keys.SHARED_WIDTH, Keys.SCORING, Keys.GROUPS, Keys.EXPERT_SCALE);

  private static final String GROUPS_USED = "expert_group_used_count";
  private static final String NORMALISED = "expert_weights_norm";

  private RoutedExperts() {}

  /** The step of models that may have layers without. */
  public static void bySigmoid(StoredModel model, Fields fields) {
    model.experts().requireSigmoid();
    withShared(model, fields);
  }

  /** Likewise, by the softmax of products. */
  public static void bySoftmax(StoredModel model, Fields fields) {
    model.experts().requireSoftmax();
    withShared(model, fields);
  }

  /** The same, however scores are made. */
  public static void withShared(StoredModel model, Fields fields) {
    alone(model, fields);
    fields.put("n_shared_experts", model.experts().shared());
    fields.put("first_k_dense_replace", model.experts().denseLayers());
  }

  /** What is said of those that some rows go to. */
  public static void alone(StoredModel model, Fields fields) {
    Experts experts = model.experts();
    experts.putCounts(fields, "n_routed_experts");
    fields.put("moe_intermediate_size", experts.width());
    long groups = groups(model);
    fields.put("n_group", groups);
    fields.put("topk_group", groups == 1 ? 1L : model.metadata().requireNatural(GROUPS_USED));
    fields.put("norm_topk_prob", model.metadata().flag(NORMALISED).orElse(false));
    fields.put("routed_scaling_factor", experts.scale());
  }

  /** How many groups there are; one or 0 stands for none. */
  public static long groups(StoredModel model) {
    return Math.max(1, model.metadata().natural(Keys.GROUPS).orElse(1L));
  }
}
