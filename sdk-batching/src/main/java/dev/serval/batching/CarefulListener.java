package dev.serval.batching;

import dev.serval.api.batching.EngineListener;
import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.SequenceView;
import dev.serval.api.batching.StepPlan;
import dev.serval.api.cache.KvStatistics;

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
  public void step(StepPlan step, long nanos) {
    try {
      listener.step(step, nanos);
    } catch (RuntimeException | Error e) {
      report(e);
    }
  }

  @Override
  public void token(SequenceView sequence, long sinceNanos, boolean first) {
    try {
      listener.token(sequence, sinceNanos, first);
    } catch (RuntimeException | Error e) {
      report(e);
    }
  }

  @Override
  public void verified(SequenceView sequence, int drafted, int accepted) {
    try {
      listener.verified(sequence, drafted, accepted);
    } catch (RuntimeException | Error e) {
      report(e);
    }
  }

  @Override
  public void started(SequenceView sequence, long queuedNanos) {
    try {
      listener.started(sequence, queuedNanos);
    } catch (RuntimeException | Error e) {
      report(e);
    }
  }

  @Override
  public void preempted(SequenceView sequence, int lostTokens) {
    try {
      listener.preempted(sequence, lostTokens);
    } catch (RuntimeException | Error e) {
      report(e);
    }
  }

  @Override
  public void ended(SequenceView sequence, SequenceOutcome outcome) {
    try {
      listener.ended(sequence, outcome);
    } catch (RuntimeException | Error e) {
      report(e);
    }
  }

  @Override
  public void swapped(KvStatistics.Swap moved) {
    try {
      listener.swapped(moved);
    } catch (RuntimeException | Error e) {
      report(e);
    }
  }

  @Override
  public void yielded(SequenceView sequence) {
    try {
      listener.yielded(sequence);
    } catch (RuntimeException | Error e) {
      report(e);
    }
  }
}
