package dev.serval.runtime.tracing;

import dev.serval.api.GenerationRequest;
import dev.serval.api.GenerationResult;
import org.jspecify.annotations.Nullable;

/** Follows generations from their submission to their end. */
@FunctionalInterface
public interface GenerationTracer {
  /** Follows none. */
  GenerationTracer NONE = (id, model, request) -> Trace.NONE;

  /**
   * A request is submitted. Called on the thread that submits it, whose context is the caller's,
   * before its prompt is encoded.
   *
   * @param id the runtime's name for it
   * @param model the model's name
   * @param request what was asked
   * @return what follows it
   */
  Trace begin(String id, String model, GenerationRequest request);

  /** Follows one generation; hears exactly one of its ends. Must be quick and never throw. */
  interface Trace {
    /** Follows nothing. */
    Trace NONE =
        new Trace() {
          @Override
          public boolean explained() {
            return false;
          }

          @Override
          public void refused(Throwable reason) {}

          @Override
          public void ended(GenerationResult result, @Nullable Throwable failure) {}
        };

    /**
     * Whether {@link #ended} is to be told where the time went, whether or not the caller asked.
     *
     * @return true to be given {@link GenerationResult#timelines()}
     */
    boolean explained();

    /**
     * It was not taken: it can never be served, or not now. Called on the thread that submitted it.
     *
     * @param reason why
     */
    void refused(Throwable reason);

    /**
     * It has ended. Called where results are delivered, before the result is: its timelines end
     * now.
     *
     * @param result what it came to, as far as it came
     * @param failure what failed, or null
     */
    void ended(GenerationResult result, @Nullable Throwable failure);
  }
}
