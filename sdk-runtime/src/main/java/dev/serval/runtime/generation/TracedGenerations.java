package dev.serval.runtime.generation;

import dev.serval.api.GenerationRequest;
import dev.serval.api.GenerationResult;
import dev.serval.runtime.tracing.GenerationTracer;
import dev.serval.runtime.tracing.GenerationTracer.Trace;
import org.jspecify.annotations.Nullable;

/**
 * Has a model's generations traced.
 *
 * @param model the model's name
 * @param tracer follows them
 * @param next who else hears about them
 */
public record TracedGenerations(String model, GenerationTracer tracer, GenerationListener next)
    implements GenerationListener {
  @Override
  public Trace submitted(String id, GenerationRequest request) {
    return tracer.begin(id, request.model().orElse(model), request);
  }

  @Override
  public void firstToken(PreparedRequest request, long nanos) {
    next.firstToken(request, nanos);
  }

  @Override
  public void ended(PreparedRequest request, GenerationResult result, @Nullable Throwable failure) {
    next.ended(request, result, failure);
  }
}
