package dev.serval.batching;

import dev.serval.api.batching.Engine;
import dev.serval.api.batching.EngineLoad;
import dev.serval.api.batching.EngineSequence;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.api.batching.TokenSink;

/**
 * A {@link ContinuousBatchingEngine} without a thread of its own: whoever holds it takes its steps,
 * from one thread, when it suits. For simulators and for hosts with an event loop.
 */
public final class SteppedEngine implements AutoCloseable {
  private final ContinuousBatchingEngine engine;
  private boolean closed;

  private SteppedEngine(ContinuousBatchingEngine engine) {
    this.engine = engine;
  }

  /**
   * Makes an engine that waits for its first step.
   *
   * @param options what it is made of; its thread is never started
   * @return the engine, ready to take sequences
   */
  public static SteppedEngine of(EngineOptions options) {
    return new SteppedEngine(new ContinuousBatchingEngine(options));
  }

  /**
   * Does what callers asked for, and then a step if any sequence can run. What fails in it fails as
   * it does in an engine with a thread; what an engine cannot survive ends every sequence.
   *
   * @return whether there was a step; if not, only callers can bring work
   */
  public boolean step() {
    if (closed) {
      return false;
    }
    try {
      return engine.loop().workWhenCalled();
    } catch (RuntimeException | Error e) {
      closed = true;
      engine.fail(e);
      throw e;
    }
  }

  /**
   * Hands a sequence over, as {@link Engine#submit} does; from any thread, also during a step.
   *
   * @param request the sequence
   * @param sink hears its tokens and its end, on the thread that takes the steps
   * @return the caller's handle on it
   */
  public EngineSequence submit(SequenceRequest request, TokenSink sink) {
    return engine.submit(request, sink);
  }

  /**
   * What the engine is doing.
   *
   * @return counts at this moment
   */
  public EngineLoad load() {
    return engine.load();
  }

  /** Cancels what is left, on the thread that takes the steps. Closing again does nothing. */
  @Override
  public void close() {
    engine.close();
    if (!closed) {
      closed = true;
      engine.loop().end(null);
    }
  }
}
