package dev.serval.models.sampling;

/**
 * Unnormalised probabilities of a row's logits: {@code exp((logit − largest) / temperature)}. The
 * likeliest token weighs 1.
 */
final class Softmax {
  private final double temperature;
  private double largest;

  Softmax(double temperature) {
    this.temperature = temperature;
  }

  void largest(double logit) {
    largest = logit;
  }

  double weight(double logit) {
    return Math.exp((logit - largest) / temperature);
  }

  /** The logit that has this weight. */
  double logit(double weight) {
    return largest + temperature * Math.log(weight);
  }

  double sum(float[] logits, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += weight(logits[i]);
    }
    return sum;
  }

  double sum(RankedTokens tokens) {
    double sum = 0;
    for (int i = 0; i < tokens.count(); i++) {
      sum += weight(tokens.logit(i));
    }
    return sum;
  }
}
