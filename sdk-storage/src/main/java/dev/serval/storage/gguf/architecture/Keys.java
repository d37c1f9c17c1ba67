package dev.serval.storage.gguf.architecture;

/**
 * What a model's keys are called, behind the architecture's name, that are asked for in several
 * places.
 */
public final class Keys {
  public static final String LAYERS = "block_count";
  public static final String DRAFT_LAYERS = "nextn_predict_layers";
  public static final String HIDDEN = "embedding_length";
  public static final String WIDTH = "feed_forward_length";
  public static final String HEADS = "attention.head_count";
  public static final String KEY_HEADS = "attention.head_count_kv";
  public static final String KEY_LENGTH = "attention.key_length";
  public static final String VALUE_LENGTH = "attention.value_length";
  public static final String NORM_EPSILON = "attention.layer_norm_epsilon";
  public static final String ROOT_NORM_EPSILON = "attention.layer_norm_rms_epsilon";

  public static final String SCORE_SCALE = "attention.scale";
  public static final String SCORE_CAP = "attn_logit_softcapping";
  public static final String LOGIT_CAP = "final_logit_softcapping";
  public static final String LOGIT_SCALE = "logit_scale";
  public static final String EMBEDDING_SCALE = "embedding_scale";
  public static final String RESIDUAL_SCALE = "residual_scale";
  public static final String QUERY_GROWTH = "attention.temperature_scale";

  public static final String TURNED = "rope.dimension_count";
  public static final String WINDOW_THETA = "rope.freq_base_swa";
  public static final String YARN_SHARE = "rope.scaling.yarn_log_multiplier";

  public static final String WINDOW = "attention.sliding_window";
  public static final String WINDOW_PATTERN = "attention.sliding_window_pattern";

  public static final String EXPERTS = "expert_count";
  public static final String EXPERTS_USED = "expert_used_count";
  public static final String EXPERT_WIDTH = "expert_feed_forward_length";
  public static final String SHARED_EXPERTS = "expert_shared_count";
  public static final String SHARED_WIDTH = "expert_shared_feed_forward_length";
  public static final String SCORING = "expert_gating_func";
  public static final String GROUPS = "expert_group_count";
  public static final String EXPERT_SCALE = "expert_weights_scale";
  public static final String DENSE_LAYERS = "leading_dense_block_count";

  private Keys() {}
}
