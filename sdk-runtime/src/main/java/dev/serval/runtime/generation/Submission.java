package dev.serval.runtime.generation;

import dev.serval.api.GenerationRequest;
import dev.serval.runtime.tracing.GenerationTracer.Trace;

/**
 * The submission of a request.
 *
 * @param trace follows it
 * @param explained whether somebody is to be told where its time goes
 * @param nanos when it began, by the engine's clock, where somebody is
 */
public record Submission(Trace trace, boolean explained, long nanos) {
  /**
   * A submission that begins now. Where nobody is to be told about it, the clock is not read.
   *
   * @param id the runtime's name for the request
   * @param request what the caller asks
   * @param environment what it shares with others of its model
   * @return the submission
   */
  public static Submission of(
      String id, GenerationRequest request, GenerationEnvironment environment) {
    if (request.explained()) {
      long now = environment.clock().getAsLong();
      return new Submission(environment.listener().submitted(id, request), true, now);
    }
    Trace trace = environment.listener().submitted(id, request);
    return trace.explained()
        ? new Submission(trace, true, environment.clock().getAsLong())
        : new Submission(trace, false, 0);
  }
}
