package dev.serval.batching;

import dev.serval.api.RequestRejectedException;
import dev.serval.api.RequestRejectedException.Reason;
import dev.serval.api.batching.AdmissionPolicy;
import dev.serval.api.batching.EngineLoad;
import dev.serval.api.batching.SequenceRequest;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Lets sequences in and counts them until they end. Both counts and the door are one number, so a
 * policy decides on what is true at the very moment its sequence is counted, whoever else is at the
 * gate.
 */
final class Gate {
  private static final long SHUT = Long.MIN_VALUE;
  private static final long WAITING = 1L << 32;
  private static final long RUNNING = 1;

  private final String engine;
  private final int totalBlocks;
  private final AtomicLong state = new AtomicLong();
  private volatile int freeBlocks;
  private volatile @Nullable Throwable failure;

  Gate(String engine, int totalBlocks) {
    this.engine = engine;
    this.totalBlocks = totalBlocks;
    freeBlocks = totalBlocks;
  }

  /** Counts a sequence as waiting, or says why it must stay outside. */
  void enter(SequenceRequest request, AdmissionPolicy policy) {
    long now;
    do {
      now = state.get();
      if (now < 0) {
        throw closing();
      }
      Optional<String> refusal = policy.refusal(request, load(now));
      if (refusal.isPresent()) {
        throw new RequestRejectedException(Reason.OVERLOADED, refusal.get(), null);
      }
    } while (!state.compareAndSet(now, now + WAITING));
  }

  void began() {
    state.addAndGet(RUNNING - WAITING);
  }

  void gaveWay() {
    state.addAndGet(WAITING - RUNNING);
  }

  void ended(boolean running) {
    state.addAndGet(running ? -RUNNING : -WAITING);
  }

  void freeBlocks(int count) {
    if (freeBlocks != count) {
      freeBlocks = count;
    }
  }

  /** Lets nobody in any more. */
  void shut() {
    state.getAndUpdate(now -> now | SHUT);
  }

  void shut(Throwable cause) {
    failure = cause;
    shut();
  }

  boolean isEmpty() {
    return (state.get() & ~SHUT) == 0;
  }

  EngineLoad load() {
    return load(state.get());
  }

  private EngineLoad load(long now) {
    return new EngineLoad((int) ((now & ~SHUT) / WAITING), (int) now, freeBlocks, totalBlocks);
  }

  private RequestRejectedException closing() {
    Throwable cause = failure;
    RequestRejectedException refusal =
        new RequestRejectedException(
            Reason.CLOSING,
            cause == null
                ? "the engine " + engine + " is closing and takes no more sequences"
                : "the engine " + engine + " has failed and takes no more sequences: " + cause,
            null);
    if (cause != null) {
      refusal.initCause(cause);
    }
    return refusal;
  }
}
