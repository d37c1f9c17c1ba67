package dev.serval.api;

import java.util.Map;
import java.util.OptionalLong;

/**
 * How the next token is drawn from the model's logits.
 *
 * <p>The order is: repetition penalty (Keskar et al., CTRL, <a
 * href="https://arxiv.org/abs/1909.05858">arXiv:1909.05858</a>) over prompt and completion,
 * presence and frequency penalty over the completion, logit bias; at temperature 0 the largest
 * logit then wins (the lowest id among equals). Otherwise: temperature, top-k, top-p (Holtzman et
 * al., <a href="https://arxiv.org/abs/1904.09751">arXiv:1904.09751</a>), min-p (<a
 * href="https://arxiv.org/abs/2407.01082">arXiv:2407.01082</a>), and a draw by the seeded
 * generator. The same seed gives the same tokens whatever else is in the step.
 *
 * @param temperature 0 (greedy) to 2; larger is more varied
 * @param topK how many of the likeliest tokens may be drawn; 0 for all
 * @param topP the probability mass of the likeliest tokens that may be drawn, above 0, at most 1
 * @param minP the least probability, relative to the likeliest token's, from 0 to 1
 * @param repetitionPenalty divides positive and multiplies negative logits of tokens seen; above 0,
 *     1 for none
 * @param presencePenalty taken off the logit of a token generated before, −2 to 2
 * @param frequencyPenalty taken off for each time a token was generated, −2 to 2
 * @param logitBias added to the logits of these token ids, −100 to 100 each
 * @param seed where the draw begins; empty for one the runtime picks
 */
public record Sampling(
    double temperature,
    int topK,
    double topP,
    double minP,
    double repetitionPenalty,
    double presencePenalty,
    double frequencyPenalty,
    Map<Integer, Double> logitBias,
    OptionalLong seed) {
  /** The largest logit wins. */
  public static final Sampling GREEDY = builder().temperature(0).build();

  /** Refuses values outside the ranges above, naming the parameter. */
  public Sampling {
    within("temperature", temperature, 0, 2);
    if (topK < 0) {
      throw new InvalidRequestException(
          "top_k", "top_k is 0 (all) or a number of tokens, not " + topK);
    }
    if (!(topP > 0 && topP <= 1)) {
      throw new InvalidRequestException("top_p", "top_p lies above 0 and up to 1, unlike " + topP);
    }
    within("min_p", minP, 0, 1);
    if (!(repetitionPenalty > 0 && repetitionPenalty <= 1e3)) {
      throw new InvalidRequestException(
          "repetition_penalty",
          "repetition_penalty lies above 0 and up to 1000, unlike " + repetitionPenalty);
    }
    within("presence_penalty", presencePenalty, -2, 2);
    within("frequency_penalty", frequencyPenalty, -2, 2);
    logitBias = Map.copyOf(logitBias);
    logitBias.values().forEach(bias -> within("logit_bias", bias, -100, 100));
  }

  private static void within(String parameter, double value, int least, int most) {
    if (!(value >= least && value <= most)) {
      throw new InvalidRequestException(
          parameter, parameter + " lies between " + least + " and " + most + ", unlike " + value);
    }
  }

  /**
   * Whether the largest logit simply wins.
   *
   * @return true at temperature 0
   */
  public boolean greedy() {
    return temperature == 0;
  }

  /**
   * Whether logits are changed before the draw by what was seen or asked for.
   *
   * @return true if a penalty or a bias is set
   */
  public boolean adjustsLogits() {
    return repetitionPenalty != 1
        || presencePenalty != 0
        || frequencyPenalty != 0
        || !logitBias.isEmpty();
  }

  /**
   * Starts from the defaults: temperature 1, nothing cut off, no penalty.
   *
   * @return a new builder
   */
  public static Builder builder() {
    return new Builder();
  }

  /** Collects the parameters; {@link #build()} checks them. */
  public static final class Builder {
    private double temperature = 1;
    private int topK;
    private double topP = 1;
    private double minP;
    private double repetitionPenalty = 1;
    private double presencePenalty;
    private double frequencyPenalty;
    private Map<Integer, Double> logitBias = Map.of();
    private OptionalLong seed = OptionalLong.empty();

    private Builder() {}

    /**
     * Sets the temperature.
     *
     * @param value 0 (greedy) to 2
     * @return this builder
     */
    public Builder temperature(double value) {
      temperature = value;
      return this;
    }

    /**
     * Keeps the likeliest tokens.
     *
     * @param value how many; 0 for all
     * @return this builder
     */
    public Builder topK(int value) {
      topK = value;
      return this;
    }

    /**
     * Keeps the likeliest tokens up to a mass.
     *
     * @param value the mass, above 0, at most 1
     * @return this builder
     */
    public Builder topP(double value) {
      topP = value;
      return this;
    }

    /**
     * Drops tokens far less likely than the likeliest.
     *
     * @param value the least relative probability, 0 to 1
     * @return this builder
     */
    public Builder minP(double value) {
      minP = value;
      return this;
    }

    /**
     * Penalises what prompt and completion hold.
     *
     * @param value the factor, 1 for none
     * @return this builder
     */
    public Builder repetitionPenalty(double value) {
      repetitionPenalty = value;
      return this;
    }

    /**
     * Penalises what was generated before.
     *
     * @param value −2 to 2
     * @return this builder
     */
    public Builder presencePenalty(double value) {
      presencePenalty = value;
      return this;
    }

    /**
     * Penalises each time a token was generated.
     *
     * @param value −2 to 2
     * @return this builder
     */
    public Builder frequencyPenalty(double value) {
      frequencyPenalty = value;
      return this;
    }

    /**
     * Adds to the logits of some tokens.
     *
     * @param value token id to bias, −100 to 100
     * @return this builder
     */
    public Builder logitBias(Map<Integer, Double> value) {
      logitBias = value;
      return this;
    }

    /**
     * Makes the draw repeatable.
     *
     * @param value where the generator begins
     * @return this builder
     */
    public Builder seed(long value) {
      seed = OptionalLong.of(value);
      return this;
    }

    /**
     * Checks and concludes.
     *
     * @return the parameters
     * @throws InvalidRequestException when a value is out of its range
     */
    public Sampling build() {
      return new Sampling(
          temperature,
          topK,
          topP,
          minP,
          repetitionPenalty,
          presencePenalty,
          frequencyPenalty,
          logitBias,
          seed);
    }
  }
}
