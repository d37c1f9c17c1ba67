package dev.serval.batching;

import dev.serval.api.batching.EngineListener;
import dev.serval.api.batching.EngineLoad;
import dev.serval.api.batching.SequenceOutcome;

/**
 * Keeps the engine from what a listener throws: that goes to the thread's handler of uncaught
 * exceptions.
 */
final class CarefulListener implements EngineListener {
  private final EngineListener listener;

  CarefulListener(EngineListener listener) {
    this.listener = listener;
  }

  static void report(Throwable thrown) {
    Thread thread = Thread.currentThread();
    thread.getUncaughtExceptionHandler().uncaughtException(thread, thrown);
  }

  @Override
  public void step(int sequences, int tokens, long nanos, EngineLoad load) {
    try {
      listener.step(sequences, tokens, nanos, load);
    } catch (RuntimeException | Error e) {
      report(e);
    }
  }

  @Override
  public void token(long sinceNanos, boolean first) {
    try {
      listener.token(sinceNanos, first);
    } catch (RuntimeException | Error e) {
      report(e);
    }
  }

  @Override
  public void started(int promptTokens, int cachedTokens, long queuedNanos) {
    try {
      listener.started(promptTokens, cachedTokens, queuedNanos);
    } catch (RuntimeException | Error e) {
      report(e);
    }
  }

  @Override
  public void preempted(int lostTokens) {
    try {
      listener.preempted(lostTokens);
    } catch (RuntimeException | Error e) {
      report(e);
    }
  }

  @Override
  public void ended(SequenceOutcome outcome) {
    try {
      listener.ended(outcome);
    } catch (RuntimeException | Error e) {
      report(e);
    }
  }
}
