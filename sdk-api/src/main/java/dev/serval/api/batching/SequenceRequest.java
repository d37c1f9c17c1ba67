package dev.serval.api.batching;

import dev.serval.api.IsolationScope;
import dev.serval.api.Sampling;
import java.util.Set;

/**
 * A sequence as an engine takes it: tokens in, tokens out.
 *
 * @param id the request's name, for policies, metrics and logs
 * @param prompt the prompt's tokens, at least one; not changed by anybody from now on
 * @param prediction the tokens that the answer is expected to have, for draft policies; changes no
 *     token of it
 * @param maxTokens how many tokens to generate at most, at least 1
 * @param sampling how tokens are drawn
 * @param seed where the draw begins
 * @param alternatives how many alternatives to report with each token; −1 for no log-probabilities
 * @param stopTokens the tokens that end it; the one met is the last one generated
 * @param priority lower is sooner, for policies that look at it
 * @param scope whose cached blocks it may meet
 * @param terms how it is to be served
 * @param explained whether its outcome shall tell where its time went
 */
@SuppressWarnings("ArrayRecordComponent") // handed over once, compared by nobody
public record SequenceRequest(
    String id,
    int[] prompt,
    int[] prediction,
    int maxTokens,
    Sampling sampling,
    long seed,
    int alternatives,
    Set<Integer> stopTokens,
    int priority,
    IsolationScope scope,
    ServiceTerms terms,
    boolean explained) {
  /** Refuses an empty prompt and a limit below 1. */
  public SequenceRequest {
    if (prompt.length == 0) {
      throw new IllegalArgumentException("sequence " + id + " has an empty prompt");
    }
    if (maxTokens < 1) {
      throw new IllegalArgumentException(
          "sequence " + id + " generates at least 1 token, unlike " + maxTokens);
    }
    stopTokens = Set.copyOf(stopTokens);
  }

  /**
   * A sequence that is drawn greedily and without log-probabilities, ends at no token of its own,
   * shares the host's blocks and is served on the {@linkplain ServiceTerms#DEFAULT default terms},
   * unexplained.
   *
   * @param id the request's name
   * @param prompt the prompt's tokens, at least one; not changed by anybody from now on
   * @param maxTokens how many tokens to generate at most, at least 1
   * @return the sequence
   */
  public static SequenceRequest of(String id, int[] prompt, int maxTokens) {
    return builder(id, prompt, maxTokens).build();
  }

  /**
   * Begins a sequence that is as {@link #of} makes it in all that is not set.
   *
   * @param id the request's name
   * @param prompt the prompt's tokens, at least one; not changed by anybody from now on
   * @param maxTokens how many tokens to generate at most, at least 1
   * @return a new builder
   */
  public static Builder builder(String id, int[] prompt, int maxTokens) {
    return new Builder(id, prompt, maxTokens);
  }

  /** Collects a sequence. */
  public static final class Builder {
    private final String id;
    private final int[] prompt;
    private final int maxTokens;
    private int[] prediction = {};
    private Sampling sampling = Sampling.GREEDY;
    private long seed;
    private int alternatives = -1;
    private Set<Integer> stopTokens = Set.of();
    private int priority;
    private IsolationScope scope = IsolationScope.HOST;
    private ServiceTerms terms = ServiceTerms.DEFAULT;
    private boolean explained;

    private Builder(String id, int[] prompt, int maxTokens) {
      this.id = id;
      this.prompt = prompt;
      this.maxTokens = maxTokens;
    }

    /**
     * Sets what its answer is expected to be.
     *
     * @param tokens the tokens; not changed by anybody from now on
     * @return this builder
     */
    public Builder prediction(int[] tokens) {
      prediction = tokens;
      return this;
    }

    /**
     * Sets how its tokens are drawn.
     *
     * @param value how
     * @param from where the draw begins
     * @return this builder
     */
    public Builder sampling(Sampling value, long from) {
      sampling = value;
      seed = from;
      return this;
    }

    /**
     * Sets how many alternatives are reported.
     *
     * @param count how many with each token; −1 for no log-probabilities
     * @return this builder
     */
    public Builder alternatives(int count) {
      alternatives = count;
      return this;
    }

    /**
     * Sets where it ends.
     *
     * @param ids the tokens that end it
     * @return this builder
     */
    public Builder stopTokens(Set<Integer> ids) {
      stopTokens = ids;
      return this;
    }

    /**
     * Sets how urgent it is.
     *
     * @param value lower is sooner
     * @return this builder
     */
    public Builder priority(int value) {
      priority = value;
      return this;
    }

    /**
     * Sets whose it is.
     *
     * @param value whose cached blocks it may meet
     * @return this builder
     */
    public Builder scope(IsolationScope value) {
      scope = value;
      return this;
    }

    /**
     * Sets its terms.
     *
     * @param value how it is to be served
     * @return this builder
     */
    public Builder terms(ServiceTerms value) {
      terms = value;
      return this;
    }

    /**
     * Sets whether it is explained.
     *
     * @param value whether its outcome shall tell where its time went
     * @return this builder
     */
    public Builder explained(boolean value) {
      explained = value;
      return this;
    }

    /**
     * The sequence.
     *
     * @return as collected so far
     * @throws IllegalArgumentException when its prompt is empty or it would generate nothing
     */
    public SequenceRequest build() {
      return new SequenceRequest(
          id,
          prompt,
          prediction,
          maxTokens,
          sampling,
          seed,
          alternatives,
          stopTokens,
          priority,
          scope,
          terms,
          explained);
    }
  }
}
