package dev.serval.batching;

import dev.serval.api.batching.TensorBatching;
import java.util.Comparator;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/** One input on its way through a {@link TensorBatcher}. */
final class TensorCall<I, O> {
  /** Lower ranks first, earlier calls first among equals. */
  static final Comparator<TensorCall<?, ?>> URGENCY =
      Comparator.<TensorCall<?, ?>>comparingLong(call -> call.rank)
          .thenComparingLong(call -> call.arrival);

  private static final double MOST = 1L << 61;

  final I input;
  final int length;
  final long arrival;
  final boolean opens;
  final long submittedNanos;
  final CompletableFuture<O> result = new CompletableFuture<>();
  private final long rank;
  private final long allowedNanos;
  private final AtomicBoolean counted = new AtomicBoolean(true);
  private final AtomicBoolean open = new AtomicBoolean(true);
  private final Runnable whenEnded;

  /**
   * A call.
   *
   * @param arrival its number among all calls
   * @param opens whether it is the first of those submitted together
   * @param urgency its priority and its deadline
   * @param whenEnded run once, when it ends
   */
  TensorCall(
      I input,
      int length,
      long arrival,
      boolean opens,
      long submittedNanos,
      Urgency urgency,
      Runnable whenEnded) {
    this.whenEnded = whenEnded;
    this.input = input;
    this.length = Math.max(1, length);
    this.arrival = arrival;
    this.opens = opens;
    this.submittedNanos = submittedNanos;
    this.rank = submittedNanos + urgency.headStartNanos();
    this.allowedNanos = urgency.allowedNanos();
  }

  /**
   * How soon calls are wanted.
   *
   * @param headStartNanos how much later they count as submitted; negative for urgent ones
   * @param allowedNanos how long they may wait
   */
  record Urgency(long headStartNanos, long allowedNanos) {
    static Urgency of(int priority, long allowedNanos, TensorBatching options) {
      double headStart = (double) priority * options.agingStep().toNanos();
      return new Urgency((long) Math.clamp(headStart, -MOST, MOST), allowedNanos);
    }
  }

  /** How long it may still wait; negative once its deadline has passed. */
  long left(long nowNanos) {
    return allowedNanos - waited(nowNanos);
  }

  /** How long it has waited; 0 as of before it came. */
  long waited(long nowNanos) {
    return Math.max(0, nowNanos - submittedNanos);
  }

  /** Gives its place among those waiting back, once however often it is asked. */
  void leave(AtomicInteger waiting) {
    if (counted.compareAndSet(true, false)) {
      waiting.decrementAndGet();
    }
  }

  /**
   * Has its output, a failure, or nobody who wants it; gives its place back if it still has one.
   */
  void end(AtomicInteger waiting) {
    leave(waiting);
    if (open.compareAndSet(true, false)) {
      whenEnded.run();
    }
  }
}
