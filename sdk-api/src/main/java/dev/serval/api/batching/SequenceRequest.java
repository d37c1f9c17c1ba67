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
   * A sequence that is drawn greedily and without log-probabilities, ends at no token of its own,
   * shares the host's blocks and is served on the {@linkplain ServiceTerms#DEFAULT default terms},
   * unexplained. The {@code with} methods give changed copies.
   *
   * @param id the request's name
   * @param prompt the prompt's tokens, at least one; not changed by anybody from now on
   * @param maxTokens how many tokens to generate at most, at least 1
   * @return the sequence
   */
  public static SequenceRequest of(String id, int[] prompt, int maxTokens) {
    return new SequenceRequest(
        id,
        prompt,
        maxTokens,
        Sampling.GREEDY,
        0,
        -1,
        Set.of(),
        0,
        IsolationScope.HOST,
        ServiceTerms.DEFAULT,
        false);
  }

  /**
   * The same sequence, drawn otherwise.
   *
   * @param value how tokens are drawn
   * @param from where the draw begins
   * @return a copy
   */
  public SequenceRequest withSampling(Sampling value, long from) {
    return new SequenceRequest(
        id,
        prompt,
        maxTokens,
        value,
        from,
        alternatives,
        stopTokens,
        priority,
        scope,
        terms,
        explained);
  }

  /**
   * The same sequence with log-probabilities.
   *
   * @param count how many alternatives to report with each token; −1 for no log-probabilities
   * @return a copy
   */
  public SequenceRequest withAlternatives(int count) {
    return new SequenceRequest(
        id,
        prompt,
        maxTokens,
        sampling,
        seed,
        count,
        stopTokens,
        priority,
        scope,
        terms,
        explained);
  }

  /**
   * The same sequence with other ends.
   *
   * @param ids the tokens that end it
   * @return a copy
   */
  public SequenceRequest withStopTokens(Set<Integer> ids) {
    return new SequenceRequest(
        id,
        prompt,
        maxTokens,
        sampling,
        seed,
        alternatives,
        ids,
        priority,
        scope,
        terms,
        explained);
  }

  /**
   * The same sequence with another priority.
   *
   * @param value lower is sooner
   * @return a copy
   */
  public SequenceRequest withPriority(int value) {
    return new SequenceRequest(
        id,
        prompt,
        maxTokens,
        sampling,
        seed,
        alternatives,
        stopTokens,
        value,
        scope,
        terms,
        explained);
  }

  /**
   * The same sequence in another scope.
   *
   * @param value whose cached blocks it may meet
   * @return a copy
   */
  public SequenceRequest withScope(IsolationScope value) {
    return new SequenceRequest(
        id,
        prompt,
        maxTokens,
        sampling,
        seed,
        alternatives,
        stopTokens,
        priority,
        value,
        terms,
        explained);
  }

  /**
   * The same sequence on other terms.
   *
   * @param value how it is to be served
   * @return a copy
   */
  public SequenceRequest withTerms(ServiceTerms value) {
    return new SequenceRequest(
        id,
        prompt,
        maxTokens,
        sampling,
        seed,
        alternatives,
        stopTokens,
        priority,
        scope,
        value,
        explained);
  }

  /**
   * The same sequence, explained or not.
   *
   * @param value whether its outcome shall tell where its time went
   * @return a copy
   */
  public SequenceRequest withExplained(boolean value) {
    return new SequenceRequest(
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
        value);
  }
}
