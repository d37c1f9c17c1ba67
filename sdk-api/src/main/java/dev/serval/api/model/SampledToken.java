package dev.serval.api.model;

/**
 * A token and, if they are wanted, its probabilities. Reused for every draw: whoever keeps anything
 * of it copies it.
 */
public final class SampledToken {
  private final int[] alternativeIds;
  private final float[] alternativeLogprobs;
  private int id;
  private float logprob;
  private int alternatives;

  /**
   * With room for alternatives.
   *
   * @param maxAlternatives how many at most
   */
  public SampledToken(int maxAlternatives) {
    alternativeIds = new int[maxAlternatives];
    alternativeLogprobs = new float[maxAlternatives];
  }

  /**
   * Takes a token without probabilities.
   *
   * @param token the token drawn
   */
  public void set(int token) {
    set(token, Float.NaN);
  }

  /**
   * Takes a token with its probability; alternatives follow by {@link #addAlternative}.
   *
   * @param token the token drawn
   * @param tokenLogprob the natural logarithm of its probability
   */
  public void set(int token, float tokenLogprob) {
    id = token;
    logprob = tokenLogprob;
    alternatives = 0;
  }

  /**
   * Adds an alternative, the likeliest first.
   *
   * @param token the alternative
   * @param tokenLogprob the natural logarithm of its probability
   */
  public void addAlternative(int token, float tokenLogprob) {
    alternativeIds[alternatives] = token;
    alternativeLogprobs[alternatives++] = tokenLogprob;
  }

  /**
   * The token drawn.
   *
   * @return its id
   */
  public int id() {
    return id;
  }

  /**
   * The natural logarithm of its probability.
   *
   * @return the logarithm; NaN if it was not asked for
   */
  public float logprob() {
    return logprob;
  }

  /**
   * How many alternatives there are.
   *
   * @return their number
   */
  public int alternatives() {
    return alternatives;
  }

  /**
   * One alternative.
   *
   * @param index from 0, the likeliest first
   * @return its id
   */
  public int alternativeId(int index) {
    return alternativeIds[index];
  }

  /**
   * One alternative's probability.
   *
   * @param index from 0, the likeliest first
   * @return the natural logarithm
   */
  public float alternativeLogprob(int index) {
    return alternativeLogprobs[index];
  }
}
