package dev.serval.batching;

import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The one way from callers to their engine: a stack that many push to and the engine takes whole.
 * Nobody ever waits but the engine, when there is nothing to do.
 *
 * <p>No wake-up is lost. The engine says that it sleeps and then looks; a caller puts and then
 * looks whether it sleeps: at least one of them sees the other. The same holds for closing.
 */
final class Inbox {
  private final AtomicReference<@Nullable SequenceHandle> last = new AtomicReference<>();
  private volatile @Nullable Thread sleeper;
  private volatile boolean closed;

  void put(SequenceHandle handle) {
    SequenceHandle before;
    do {
      before = last.get();
      handle.next = before;
    } while (!last.compareAndSet(before, handle));
    wake();
  }

  /** Takes everything, linked from the first that was put to the last. */
  @Nullable SequenceHandle takeAll() {
    if (last.get() == null) {
      return null;
    }
    SequenceHandle first = null;
    SequenceHandle rest = last.getAndSet(null);
    while (rest != null) {
      SequenceHandle earlier = rest.next;
      rest.next = first;
      first = rest;
      rest = earlier;
    }
    return first;
  }

  void close() {
    closed = true;
    wake();
  }

  boolean isClosed() {
    return closed;
  }

  /** Sleeps for so long while there is nothing to take and the inbox is open; may return sooner. */
  void await(long nanos) {
    sleeper = Thread.currentThread();
    if (last.get() == null && !closed) {
      LockSupport.parkNanos(this, nanos);
    }
    sleeper = null;
    clearInterruption();
  }

  private void wake() {
    Thread thread = sleeper;
    if (thread != null) {
      LockSupport.unpark(thread);
    }
  }

  /** An interrupted thread does not park, and nobody has a reason to interrupt this one. */
  @SuppressWarnings("ResultOfMethodCallIgnored")
  private static void clearInterruption() {
    Thread.interrupted();
  }
}
