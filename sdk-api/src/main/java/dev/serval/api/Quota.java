package dev.serval.api;

/**
 * What a tenant may take at each of the models it calls. A quota is the host's word: it holds
 * whatever the admission policy says.
 *
 * @param requests how many of its sequences, or of its requests for embeddings, may wait and run at
 *     once, at least 1
 * @param tokensPerMinute how many tokens of prompt and completion it may have, at least 1. They
 *     flow into a bucket that holds a minute's worth; an admitted sequence takes its prompt and its
 *     {@code maxTokens} out of it and brings back what it did not generate. A sequence larger than
 *     the bucket is taken when the bucket is full, and so is a request for embeddings, which takes
 *     the tokens of its texts
 */
public record Quota(int requests, long tokensPerMinute) {
  /** As much as there is. */
  public static final Quota UNLIMITED = new Quota(Integer.MAX_VALUE, Long.MAX_VALUE);

  /** Refuses a quota that nothing could pass. */
  public Quota {
    if (requests < 1 || tokensPerMinute < 1) {
      throw new IllegalArgumentException(
          "a quota allows at least 1 request and 1 token a minute, unlike %d and %d"
              .formatted(requests, tokensPerMinute));
    }
  }

  /**
   * A bound on the sequences at once.
   *
   * @param limit how many may wait and run, at least 1
   * @return the quota
   */
  public static Quota ofRequests(int limit) {
    return new Quota(limit, Long.MAX_VALUE);
  }

  /**
   * The same bound, and one on tokens.
   *
   * @param limit how many tokens of prompt and completion a minute, at least 1
   * @return a copy
   */
  public Quota withTokensPerMinute(long limit) {
    return new Quota(requests, limit);
  }
}
