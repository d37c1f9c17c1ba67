package dev.serval.api.batching;

import dev.serval.api.IsolationScope;
import dev.serval.api.Sampling;
import java.util.Set;

/**
 * A sequence as an engine takes it: tokens in, tokens out.
 *
 * @param id the request's name, for policies, metrics and logs
 * @param prompt the prompt's tokens, at least one; not changed by anybody from now on
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
   * A sequence that is not explained.
   *
   * @param id the request's name
   * @param prompt the prompt's tokens
   * @param maxTokens how many tokens to generate at most
   * @param sampling how tokens are drawn
   * @param seed where the draw begins
   * @param alternatives how many alternatives to report with each token; −1 for none
   * @param stopTokens the tokens that end it
   * @param priority lower is sooner
   * @param scope whose cached blocks it may meet
   * @param terms how it is to be served
   */
  public SequenceRequest(
      String id,
      int[] prompt,
      int maxTokens,
      Sampling sampling,
      long seed,
      int alternatives,
      Set<Integer> stopTokens,
      int priority,
      IsolationScope scope,
      ServiceTerms terms) {
    this(
        id,
        prompt,
        maxTokens,
        sampling,
        seed,
        alternatives,
        stopTokens,
        priority,
        scope,
        terms,
        false);
  }

  /**
   * A sequence on the {@linkplain ServiceTerms#DEFAULT default terms}.
   *
   * @param id the request's name
   * @param prompt the prompt's tokens
   * @param maxTokens how many tokens to generate at most
   * @param sampling how tokens are drawn
   * @param seed where the draw begins
   * @param alternatives how many alternatives to report with each token; −1 for none
   * @param stopTokens the tokens that end it
   * @param priority lower is sooner
   * @param scope whose cached blocks it may meet
   */
  public SequenceRequest(
      String id,
      int[] prompt,
      int maxTokens,
      Sampling sampling,
      long seed,
      int alternatives,
      Set<Integer> stopTokens,
      int priority,
      IsolationScope scope) {
    this(
        id,
        prompt,
        maxTokens,
        sampling,
        seed,
        alternatives,
        stopTokens,
        priority,
        scope,
        ServiceTerms.DEFAULT);
  }
}
