package dev.serval.storage.gguf.architecture;

/**
 * What a file says of a model's experts, in the terms that several architectures share.
 *
 * @param metadata the model's keys
 */
record Experts(ModelMetadata metadata) {
  static final double SOFTMAX = 1;
  private static final double SIGMOID = 2;

  boolean any() {
    return metadata.natural(Keys.EXPERTS).orElse(0L) > 0;
  }

  long count() {
    return metadata.requireNatural(Keys.EXPERTS);
  }

  /** How many each row goes to. */
  long used() {
    return metadata.requireNatural(Keys.EXPERTS_USED);
  }

  long width() {
    return metadata.requireNatural(Keys.EXPERT_WIDTH);
  }

  /** How wide those are together that all rows go to. */
  long sharedWidth() {
    return metadata.requireNatural(Keys.SHARED_WIDTH);
  }

  /** How many all rows go to; files may say how wide these are together, too. */
  long shared() {
    long count = metadata.natural(Keys.SHARED_EXPERTS).orElse(0L);
    long all = metadata.natural(Keys.SHARED_WIDTH).orElse(0L);
    if (all != 0 && (double) all != (double) count * width()) {
      throw metadata.problem(
          Keys.SHARED_WIDTH,
          "is %d; it must be that of %d experts of %d".formatted(all, count, width()));
    }
    return count;
  }

  /** How many of the lowest layers have none. */
  long denseLayers() {
    return metadata.natural(Keys.DENSE_LAYERS).orElse(0L);
  }

  /** What their sum is multiplied by; a scale of 0 stands for none. */
  double scale() {
    double scale = metadata.real(Keys.EXPERT_SCALE, 1);
    return scale == 0 ? 1 : scale;
  }

  /** Whether it is said that they are scored otherwise than by softmax. */
  boolean scoredOtherwise() {
    return metadata.has(Keys.SCORING) && metadata.number(Keys.SCORING) != SOFTMAX;
  }

  /** Refuses a model that says they are scored otherwise than by the logistic function. */
  void requireSigmoid() {
    if (metadata.has(Keys.SCORING) && metadata.number(Keys.SCORING) != SIGMOID) {
      throw metadata.problem(
          Keys.SCORING, "is %s; it must be %s".formatted(metadata.number(Keys.SCORING), SIGMOID));
    }
  }

  /** Puts how many there are, under a name, and how many each row goes to. */
  void putCounts(Fields fields, String count) {
    fields.put(count, count()).put("num_experts_per_tok", used());
  }

  /** The step of models whose dense width is that of an expert. */
  static void ofOneWidth(StoredModel model, Fields fields) {
    Experts experts = model.experts();
    experts.putCounts(fields, "num_local_experts");
    fields.put("intermediate_size", experts.width());
  }
}
