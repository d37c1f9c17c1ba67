package dev.serval.runtime;

import dev.serval.api.RequestRejectedException;
import dev.serval.api.RequestRejectedException.Reason;
import dev.serval.api.ServingRuntime.State;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The requests that a runtime has, and whether it takes more.
 *
 * <pre>
 *   READY ──drain──▶ DRAINING ──close──▶ CLOSED
 *     └──────────────close─────────────────▲
 * </pre>
 */
final class OpenRequests {
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition none = lock.newCondition();
  private State state = State.READY;
  private int count;

  /** One request more, or a refusal. */
  void enter() {
    lock.lock();
    try {
      if (state != State.READY) {
        throw new RequestRejectedException(
            Reason.CLOSING,
            state == State.CLOSED
                ? "the runtime is closed"
                : "the runtime is draining and takes no more requests",
            null);
      }
      count++;
    } finally {
      lock.unlock();
    }
  }

  /** One request less. */
  void leave() {
    lock.lock();
    try {
      if (--count == 0) {
        none.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  State state() {
    lock.lock();
    try {
      return state;
    } finally {
      lock.unlock();
    }
  }

  /** Moves on to a state, or stays where it is if that is further. */
  void advance(State next) {
    lock.lock();
    try {
      state = next.compareTo(state) > 0 ? next : state;
    } finally {
      lock.unlock();
    }
  }

  /** Waits until there is none, for a while. */
  boolean awaitNone(Duration limit) throws InterruptedException {
    long left = TimeUnit.NANOSECONDS.convert(limit);
    lock.lockInterruptibly();
    try {
      while (count > 0 && left > 0) {
        left = none.awaitNanos(left);
      }
      return count == 0;
    } finally {
      lock.unlock();
    }
  }
}
