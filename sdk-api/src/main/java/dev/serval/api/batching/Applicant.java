package dev.serval.api.batching;

import java.util.OptionalInt;

/**
 * A sequence that wants to be let in.
 *
 * @param promptTokens the tokens of its prompt, at least 1: while the prompt is not tokenised, the
 *     fewest that it can have
 * @param maxTokens how many tokens it may generate, at least 1; empty for as many as the context
 *     holds
 * @param priority lower is sooner, for policies that look at it
 * @param terms how it is to be served
 */
public record Applicant(int promptTokens, OptionalInt maxTokens, int priority, ServiceTerms terms) {
  /**
   * A sequence whose prompt is tokenised.
   *
   * @param request the sequence
   * @return it as an applicant
   */
  public static Applicant of(SequenceRequest request) {
    return new Applicant(
        request.prompt().length,
        OptionalInt.of(request.maxTokens()),
        request.priority(),
        request.terms());
  }
}
