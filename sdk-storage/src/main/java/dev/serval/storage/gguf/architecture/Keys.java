package dev.serval.storage.gguf.architecture;

/**
 * What a model's keys are called, behind the architecture's name, that are asked for in several
 * places.
 */
final class Keys {
  static final String LAYERS = "block_count";
  static final String DRAFT_LAYERS = "nextn_predict_layers";
  static final String HIDDEN = "embedding_length";
  static final String WIDTH = "feed_forward_length";
  static final String HEADS = "attention.head_count";
  static final String KEY_HEADS = "attention.head_count_kv";
  static final String KEY_LENGTH = "attention.key_length";
  static final String VALUE_LENGTH = "attention.value_length";
  static final String NORM_EPSILON = "attention.layer_norm_epsilon";
  static final String ROOT_NORM_EPSILON = "attention.layer_norm_rms_epsilon";

  static final String SCORE_SCALE = "attention.scale";
  static final String SCORE_CAP = "attn_logit_softcapping";
  static final String LOGIT_CAP = "final_logit_softcapping";
  static final String LOGIT_SCALE = "logit_scale";
  static final String EMBEDDING_SCALE = "embedding_scale";
  static final String RESIDUAL_SCALE = "residual_scale";
  static final String QUERY_GROWTH = "attention.temperature_scale";

  static final String TURNED = "rope.dimension_count";
  static final String WINDOW_THETA = "rope.freq_base_swa";
  static final String YARN_SHARE = "rope.scaling.yarn_log_multiplier";

  static final String WINDOW = "attention.sliding_window";
  static final String WINDOW_PATTERN = "attention.sliding_window_pattern";

  static final String EXPERTS = "expert_count";
  static final String EXPERTS_USED = "expert_used_count";
  static final String EXPERT_WIDTH = "expert_feed_forward_length";
  static final String SHARED_EXPERTS = "expert_shared_count";
  static final String SHARED_WIDTH = "expert_shared_feed_forward_length";
  static final String SCORING = "expert_gating_func";
  static final String GROUPS = "expert_group_count";
  static final String EXPERT_SCALE = "expert_weights_scale";
  static final String DENSE_LAYERS = "leading_dense_block_count";

  private Keys() {}
}
