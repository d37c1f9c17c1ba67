package dev.serval.storage.gguf.architecture;

import java.util.List;

/** Refuses what changes a model's results and is not translated. */
final class Refusals {
  private static final String SECTIONS = "rope.dimension_sections";

  /** A key, and the value of it that changes nothing. */
  private record Neutral(String name, double value) {}

  /** Other values are refused, unless the architecture translates the key. */
  private static final List<Neutral> NEUTRAL =
      List.of(
          new Neutral("attention.max_alibi_bias", 0),
          new Neutral("attention.clamp_kqv", 0),
          new Neutral(Keys.SCORE_SCALE, 0),
          new Neutral(Keys.NORM_EPSILON, 0),
          new Neutral(Keys.QUERY_GROWTH, 0),
          new Neutral(Keys.SCORE_CAP, 0),
          new Neutral(Keys.LOGIT_CAP, 0),
          new Neutral(Keys.LOGIT_SCALE, 1),
          new Neutral(Keys.EMBEDDING_SCALE, 1),
          new Neutral(Keys.RESIDUAL_SCALE, 1),
          new Neutral("pooling_type", 0),
          new Neutral(Keys.DRAFT_LAYERS, 0),
          new Neutral("rope.scaling.yarn_ext_factor", 1),
          new Neutral("rope.scaling.yarn_attn_factor", 1),
          new Neutral(Keys.YARN_SHARE, 0),
          new Neutral(Keys.EXPERTS, 0),
          new Neutral(Keys.EXPERTS_USED, 0),
          new Neutral(Keys.SHARED_EXPERTS, 0),
          new Neutral(Keys.SHARED_WIDTH, 0),
          new Neutral(Keys.GROUPS, 0),
          new Neutral(Keys.SCORING, Experts.SOFTMAX),
          new Neutral(Keys.EXPERT_SCALE, 1),
          new Neutral(Keys.DENSE_LAYERS, 0),
          new Neutral("interleave_moe_layer_step", 1),
          new Neutral("moe_latent_size", 0));

  private Refusals() {}

  /** Refuses a model that does what Serval does not, or that its architecture does not. */
  static void check(ModelMetadata metadata, Architecture architecture) {
    NEUTRAL.stream()
        .filter(neutral -> !architecture.translated().contains(neutral.name()))
        .forEach(neutral -> requireNeutral(metadata, neutral));
    metadata.requireUnlessMissing("attention.causal");
    if (metadata.has(SECTIONS) && !architecture.positionsOfSeveralKinds()) {
      throw metadata.problem(
          SECTIONS, "is there; positions of several kinds are for other input than text");
    }
  }

  private static void requireNeutral(ModelMetadata metadata, Neutral neutral) {
    String name = neutral.name();
    if (metadata.has(name) && metadata.number(name) != neutral.value()) {
      throw metadata.problem(
          name,
          "is %s; models are supported for which it is %s or missing"
              .formatted(metadata.number(name), neutral.value()));
    }
  }
}
