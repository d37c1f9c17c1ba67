package dev.serval.simulator;

import java.time.Duration;
import java.util.List;

/**
 * One request of a trace.
 *
 * @param arrival when it is submitted, from the beginning of the trace
 * @param promptTokens the tokens of its prompt, at least 1
 * @param outputTokens the tokens it generates, at least 1
 * @param hashIds the identity of each block of its prompt, the first block first: two prompts whose
 *     first ids are equal begin with the same tokens. What no id covers is shared with nobody
 * @param serviceClass the name of its service class, or empty
 * @param tenant whose it is, or empty
 * @param priority lower is sooner
 */
public record TracedRequest(
    Duration arrival,
    int promptTokens,
    int outputTokens,
    List<Long> hashIds,
    String serviceClass,
    String tenant,
    int priority) {
  /** Refuses what no engine takes, and copies the ids. */
  public TracedRequest {
    if (arrival.isNegative()) {
      throw new IllegalArgumentException("a request arrives at 0 or later, unlike " + arrival);
    }
    if (promptTokens < 1 || outputTokens < 1) {
      throw new IllegalArgumentException(
          "a request has at least 1 token of prompt and of output, unlike %d and %d"
              .formatted(promptTokens, outputTokens));
    }
    hashIds = List.copyOf(hashIds);
  }

  /**
   * A request of nobody in particular, that shares its prompt with none.
   *
   * @param arrival when it is submitted
   * @param promptTokens the tokens of its prompt
   * @param outputTokens the tokens it generates
   * @return the request
   */
  public static TracedRequest of(Duration arrival, int promptTokens, int outputTokens) {
    return new TracedRequest(arrival, promptTokens, outputTokens, List.of(), "", "", 0);
  }

  /**
   * The same request, of a tenant.
   *
   * @param name whose it is
   * @return a copy
   */
  public TracedRequest withTenant(String name) {
    return new TracedRequest(
        arrival, promptTokens, outputTokens, hashIds, serviceClass, name, priority);
  }

  /**
   * The same request, of a service class.
   *
   * @param name the class's name
   * @return a copy
   */
  public TracedRequest withServiceClass(String name) {
    return new TracedRequest(arrival, promptTokens, outputTokens, hashIds, name, tenant, priority);
  }

  /**
   * The same request with a prompt that it may share.
   *
   * @param ids the identity of each block of its prompt
   * @return a copy
   */
  public TracedRequest withHashIds(List<Long> ids) {
    return new TracedRequest(
        arrival, promptTokens, outputTokens, ids, serviceClass, tenant, priority);
  }
}
