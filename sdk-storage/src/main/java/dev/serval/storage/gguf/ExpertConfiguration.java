package dev.serval.storage.gguf;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** Translates what a file says of a model's experts. */
final class ExpertConfiguration {
  private static final String EXPERTS = "expert_count";
  private static final String EXPERTS_USED = "expert_used_count";
  private static final String SHARED_EXPERTS = "expert_shared_count";
  private static final String SHARED_WIDTH = "expert_shared_feed_forward_length";
  private static final String SCORING = "expert_gating_func";
  private static final String GROUPS = "expert_group_count";
  private static final String GROUPS_USED = "expert_group_used_count";
  private static final String EXPERT_SCALE = "expert_weights_scale";
  private static final String DENSE_LAYERS = "leading_dense_block_count";
  private static final String EXPERT_INTERVAL = "interleave_moe_layer_step";
  static final String DENSE_WIDTH = "feed_forward_length";
  static final String EXPERT_WIDTH = "expert_feed_forward_length";
  private static final String NORMALISED = "expert_weights_norm";
  private static final String LATENT_WIDTH = "moe_latent_size";
  private static final double SOFTMAX = 1;
  private static final double SIGMOID = 2;

  /**
   * Keys that change results, behind the architecture's name, and the value that does not; refused
   * are others unless the architecture has them.
   */
  static final Map<String, Double> NEUTRAL =
      Map.ofEntries(
          Map.entry(EXPERTS, 0.0),
          Map.entry(EXPERTS_USED, 0.0),
          Map.entry(SHARED_EXPERTS, 0.0),
          Map.entry(SHARED_WIDTH, 0.0),
          Map.entry(GROUPS, 0.0),
          Map.entry(SCORING, SOFTMAX),
          Map.entry(EXPERT_SCALE, 1.0),
          Map.entry(DENSE_LAYERS, 0.0),
          Map.entry(EXPERT_INTERVAL, 1.0),
          Map.entry(LATENT_WIDTH, 0.0));

  private final Metadata metadata;
  private final Architecture architecture;
  private final Map<String, Object> fields = new LinkedHashMap<>();

  private ExpertConfiguration(Metadata metadata, Architecture architecture) {
    this.metadata = metadata;
    this.architecture = architecture;
  }

  /** Keys that change results, and that this architecture translates. */
  static Set<String> ownKeys(Architecture architecture) {
    return switch (architecture) {
      case GPT_OSS, GRANITEMOE, LLAMA, OLMOE, QWEN3MOE, QWEN3VLMOE -> Set.of(EXPERTS, EXPERTS_USED);
      case GEMMA4 -> Set.of(EXPERTS, EXPERTS_USED);
      case MINIMAX_M2 -> Set.of(EXPERTS, EXPERTS_USED, SCORING);
      case GRANITEHYBRID, QWEN2MOE, QWEN35MOE, QWEN3NEXT ->
          Set.of(EXPERTS, EXPERTS_USED, SHARED_WIDTH);
      case LFM2MOE -> Set.of(EXPERTS, EXPERTS_USED, SCORING, EXPERT_SCALE, DENSE_LAYERS);
      case NEMOTRON_H_MOE ->
          Set.of(
              EXPERTS, EXPERTS_USED, SHARED_EXPERTS, SHARED_WIDTH, SCORING, GROUPS, EXPERT_SCALE);
      case ERNIE4_5_MOE ->
          Set.of(EXPERTS, EXPERTS_USED, SHARED_EXPERTS, SHARED_WIDTH, DENSE_LAYERS);
      case DEEPSEEK2, DOTS1, GLM4MOE ->
          Set.of(
              EXPERTS,
              EXPERTS_USED,
              SHARED_EXPERTS,
              SHARED_WIDTH,
              SCORING,
              GROUPS,
              EXPERT_SCALE,
              DENSE_LAYERS);
      default -> Set.of();
    };
  }

  /** The fields of {@code config.json}; none where there are no experts. */
  static Map<String, Object> translate(Metadata metadata, Architecture architecture) {
    ExpertConfiguration translation = new ExpertConfiguration(metadata, architecture);
    switch (architecture) {
      case DEEPSEEK2 -> translation.deepseek();
      case DOTS1, GLM4MOE -> translation.sigmoidExperts();
      case ERNIE4_5_MOE -> translation.ernie();
      case GEMMA4 -> translation.gemma4();
      case GPT_OSS -> translation.ofOneWidth();
      case GRANITEHYBRID -> translation.graniteHybrid();
      case GRANITEMOE -> translation.granite();
      case LFM2MOE -> translation.lfm2();
      case LLAMA -> translation.mixtral();
      case MINIMAX_M2 -> translation.miniMax();
      case NEMOTRON_H_MOE -> translation.nemotronH();
      case OLMOE -> translation.olmoE();
      case QWEN2MOE -> translation.qwen2();
      case QWEN35MOE -> translation.qwen35();
      case QWEN3MOE, QWEN3VLMOE -> translation.qwen3();
      case QWEN3NEXT -> translation.qwen3Next();
      default -> {}
    }
    return translation.fields;
  }

  private String key(String name) {
    return architecture.key() + "." + name;
  }

  private long width() {
    return metadata.requireNatural(key(EXPERT_WIDTH));
  }

  private void experts(String count) {
    fields.put(count, metadata.requireNatural(key(EXPERTS)));
    fields.put("num_experts_per_tok", metadata.requireNatural(key(EXPERTS_USED)));
  }

  private boolean any() {
    return metadata.natural(key(EXPERTS)).orElse(0L) > 0;
  }

  /** A Llama with experts is a Mixtral, with a window or not. */
  private void mixtral() {
    if (any()) {
      fields.put("architectures", List.of("MixtralForCausalLM"));
      fields.put("model_type", "mixtral");
      experts("num_local_experts");
    }
  }

  private void granite() {
    experts("num_local_experts");
    fields.put("experts_apart", true);
  }

  /** The one that all rows go to is there without others, too, and as wide as the layer then. */
  private void graniteHybrid() {
    fields.put("experts_apart", true);
    if (any()) {
      experts("num_local_experts");
      fields.put("shared_intermediate_size", metadata.requireNatural(key(SHARED_WIDTH)));
    } else {
      fields.put("num_local_experts", 0L);
      fields.put("num_experts_per_tok", 0L);
      fields.put("shared_intermediate_size", metadata.requireNatural(key(DENSE_WIDTH)));
    }
  }

  /** Beside a dense part. */
  private void gemma4() {
    if (any()) {
      fields.put("enable_moe_block", true);
      fields.put("num_experts", metadata.requireNatural(key(EXPERTS)));
      fields.put("top_k_experts", metadata.requireNatural(key(EXPERTS_USED)));
      fields.put("moe_intermediate_size", width());
    }
  }

  /** The dense width is that of an expert. */
  private void ofOneWidth() {
    experts("num_local_experts");
    fields.put("intermediate_size", width());
  }

  /** Those who run such files never have shares add up to 1. */
  private void olmoE() {
    experts("num_experts");
    fields.put("norm_topk_prob", false);
  }

  /** Those who run such files never have shares add up to 1. */
  private void qwen2() {
    experts("num_experts");
    fields.put("moe_intermediate_size", width());
    fields.put("shared_expert_intermediate_size", metadata.requireNatural(key(SHARED_WIDTH)));
    fields.put("norm_topk_prob", false);
  }

  /** Those who run such files always have shares add up to 1. */
  private void qwen3() {
    experts("num_experts");
    fields.put("moe_intermediate_size", width());
    fields.put("norm_topk_prob", true);
  }

  private void qwen3Next() {
    qwen3();
    fields.put("shared_expert_intermediate_size", metadata.requireNatural(key(SHARED_WIDTH)));
  }

  private void qwen35() {
    qwen3Next();
    fields.put("experts_apart", true);
  }

  private void ernie() {
    fields.put("moe_num_experts", metadata.requireNatural(key(EXPERTS)));
    fields.put("moe_k", metadata.requireNatural(key(EXPERTS_USED)));
    fields.put("moe_intermediate_size", width());
    fields.put("moe_num_shared_experts", sharedExperts());
    fields.put("moe_layer_start_index", denseLayers());
  }

  private void requireSigmoid() {
    String scoring = key(SCORING);
    if (metadata.has(scoring) && metadata.number(scoring) != SIGMOID) {
      throw metadata.problem(
          scoring, "is %s; it must be %s".formatted(metadata.number(scoring), SIGMOID));
    }
  }

  /** Those who run such files always have shares add up, and biases where experts are chosen. */
  private void lfm2() {
    requireSigmoid();
    experts("num_experts");
    fields.put("moe_intermediate_size", width());
    fields.put("num_dense_layers", denseLayers());
    fields.put("norm_topk_prob", true);
    fields.put("use_expert_bias", true);
    fields.put("routed_scaling_factor", scale());
  }

  private void miniMax() {
    requireSigmoid();
    ofOneWidth();
  }

  /** What has experts by softmax is of its second generation. */
  private void deepseek() {
    if (!any()) {
      return;
    }
    String scoring = key(SCORING);
    if (metadata.has(scoring) && metadata.number(scoring) != SOFTMAX) {
      sigmoidExperts();
      return;
    }
    fields.put("architectures", List.of("DeepseekV2ForCausalLM"));
    fields.put("model_type", "deepseek_v2");
    sharedAndRouted();
    boolean grouped = !Objects.equals(fields.get("n_group"), 1L);
    fields.put("topk_method", grouped ? "group_limited_greedy" : "greedy");
  }

  private void sigmoidExperts() {
    requireSigmoid();
    sharedAndRouted();
  }

  private void sharedAndRouted() {
    routed();
    fields.put("n_shared_experts", sharedExperts());
    fields.put("first_k_dense_replace", denseLayers());
  }

  private void routed() {
    experts("n_routed_experts");
    fields.put("moe_intermediate_size", width());
    groups();
    fields.put("norm_topk_prob", metadata.flag(key(NORMALISED)).orElse(false));
    fields.put("routed_scaling_factor", scale());
  }

  /** However many those are that all rows go to, they are as wide together as is said. */
  private void nemotronH() {
    requireSigmoid();
    routed();
    fields.put("moe_shared_expert_intermediate_size", metadata.requireNatural(key(SHARED_WIDTH)));
  }

  /** One or 0 stands for none, of whatever many. */
  private void groups() {
    long count = Math.max(1, metadata.natural(key(GROUPS)).orElse(1L));
    fields.put("n_group", count);
    fields.put("topk_group", count == 1 ? 1L : metadata.requireNatural(key(GROUPS_USED)));
  }

  /** A scale of 0 stands for none. */
  private double scale() {
    double scale = metadata.real(key(EXPERT_SCALE)).orElse(1.0);
    return scale == 0 ? 1 : scale;
  }

  private long denseLayers() {
    return metadata.natural(key(DENSE_LAYERS)).orElse(0L);
  }

  /** Files may say how wide all of them are together, too. */
  private long sharedExperts() {
    long count = metadata.natural(key(SHARED_EXPERTS)).orElse(0L);
    long all = metadata.natural(key(SHARED_WIDTH)).orElse(0L);
    if (all != 0 && (double) all != (double) count * width()) {
      throw metadata.problem(
          key(SHARED_WIDTH),
          "is %d; it must be that of %d experts of %d".formatted(all, count, width()));
    }
    return count;
  }
}
