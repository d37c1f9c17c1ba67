package dev.serval.storage.gguf.architecture;

/**
 * What a file says of a model's experts, in the terms that several architectures share.
 *
 * @param metadata the model's keys
 */
public record Experts(ModelMetadata metadata) {
  public static final double SOFTMAX = 1;
  private static final double SIGMOID = 2;

  public boolean any() {
    return metadata.natural(Keys.EXPERTS).orElse(0L) > 0;
  }

  public long count() {
    return metadata.requireNatural(Keys.EXPERTS);
  }

  /** How many each row goes to. */
  public long used() {
    return metadata.requireNatural(Keys.EXPERTS_USED);
  }

  public long width() {
    return metadata.requireNatural(Keys.EXPERT_WIDTH);
  }

  /** How wide those are together that all rows go to. */
  public long sharedWidth() {
    return metadata.requireNatural(Keys.SHARED_WIDTH);
  }

  /** How many all rows go to; files may say how wide these are together, too. */
  public long shared() {
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
  public long denseLayers() {
    return metadata.natural(Keys.DENSE_LAYERS).orElse(0L);
  }

  /** What their sum is multiplied by; a scale of 0 stands for none. */
  public double scale() {
    double scale = metadata.real(Keys.EXPERT_SCALE, 1);
    return scale == 0 ? 1 : scale;
  }

  /** Whether it is said that they are scored otherwise than by softmax. */
  public boolean scoredOtherwise() {
    return metadata.has(Keys.SCORING) && metadata.number(Keys.SCORING) != SOFTMAX;
  }

  /** Refuses a model that says they are scored otherwise than by the logistic function. */
  public void requireSigmoid() {
    requireScoring(SIGMOID);
  }

  /** The same of the softmax. */
  public void requireSoftmax() {
    requireScoring(SOFTMAX);
  }

  private void requireScoring(double kind) {
    if (metadata.has(Keys.SCORING) && metadata.number(Keys.SCORING) != kind) {
      throw metadata.problem(
          Keys.SCORING, "is %s; it must be %s".formatted(metadata.number(Keys.SCORING), kind));
    }
  }

  /** Puts how many there are, under a name, and how many each row goes to. */
  public void putCounts(Fields fields, String count) {
    fields.put(count, count()).put("num_experts_per_tok", used());
  }

  /** The step of models whose dense width is that of an expert. */
  public static void ofOneWidth(StoredModel model, Fields fields) {
    Experts experts = model.experts();
    experts.putCounts(fields, "num_local_experts");
    fields.put("intermediate_size", experts.width());
  }
}
