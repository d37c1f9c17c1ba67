package dev.serval.runtime.generation;

import dev.serval.api.GenerationRequest;
import dev.serval.api.GenerationResult;
import dev.serval.runtime.tracing.GenerationTracer.Trace;
import org.jspecify.annotations.Nullable;

/**
 * Hears what becomes of the generations of a model, for metrics and traces. Must be quick and never
 * throw.
 */
public interface GenerationListener {
  /** Hears nothing. */
  GenerationListener NONE = new GenerationListener() {};

  /**
   * A request is submitted. Called on the thread that submits it, before its prompt is encoded.
   *
   * @param id the runtime's name for it
   * @param request the request
   * @return what follows this generation
   */
  default Trace submitted(String id, GenerationRequest request) {
    return Trace.NONE;
  }

  /**
   * The first token of the first choice was drawn. Called on the engine's thread.
   *
   * @param request the request
   * @param nanos the time since it was handed over
   */
  default void firstToken(PreparedRequest request, long nanos) {}

  /**
   * A generation has ended. Called where results are delivered, before the result is.
   *
   * @param request the request
   * @param result what it came to, as far as it came
   * @param failure what failed, or null
   */
  default void ended(
      PreparedRequest request, GenerationResult result, @Nullable Throwable failure) {}
}
