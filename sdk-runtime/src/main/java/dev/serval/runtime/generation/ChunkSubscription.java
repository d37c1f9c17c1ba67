package dev.serval.runtime.generation;

import dev.serval.api.TokenChunk;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/*
 * Reads a generation by calling a subscriber, by the rules of Reactive Streams
 * (https://github.com/reactive-streams/reactive-streams-jvm/blob/v1.0.4/README.md).
 *
 * Whatever may give the subscriber something to hear (a chunk, the end, demand, a cancellation)
 * counts up `work`; whoever counts it up from 0 sends `deliver` to the executor, and that goes on until
 * it has counted everything down again. So there is one delivery at a time (rule 1.3), no call is made
 * from within `request` (3.3), and nothing is lost between a look at the buffer and the end of the
 * delivery.
 */
/** One subscriber's way through a generation. */
final class ChunkSubscription implements Flow.Subscription, Runnable {
  private final ChunkBuffer buffer;
  private final Executor delivery;
  private final Runnable close;
  private final AtomicInteger work = new AtomicInteger();
  private final AtomicLong demand = new AtomicLong();
  private volatile boolean cancelled;
  private volatile @Nullable IllegalArgumentException violation;
  private boolean begun;
  private Flow.@Nullable Subscriber<? super TokenChunk> subscriber;

  /**
   * For a subscriber that has yet to hear anything.
   *
   * @param subscriber who is called
   * @param buffer where chunks come from
   * @param delivery where the subscriber is called
   * @param close cancels the generation
   */
  ChunkSubscription(
      Flow.Subscriber<? super TokenChunk> subscriber,
      ChunkBuffer buffer,
      Executor delivery,
      Runnable close) {
    this.subscriber = subscriber;
    this.buffer = buffer;
    this.delivery = delivery;
    this.close = close;
  }

  @Override
  public void request(long n) {
    if (n > 0) {
      demand.accumulateAndGet(n, (have, more) -> have + more < 0 ? Long.MAX_VALUE : have + more);
    } else {
      violation =
          new IllegalArgumentException("rule 3.9: at least 1 chunk is requested, unlike " + n);
    }
    signal();
  }

  @Override
  public void cancel() {
    if (!cancelled) {
      cancelled = true;
      buffer.discard();
      close.run();
      signal();
    }
  }

  /** Something may have arrived for the subscriber. */
  void signal() {
    if (work.getAndIncrement() == 0) {
      delivery.execute(this);
    }
  }

  /** Tells the subscriber what there is to tell, until there is nothing. */
  @Override
  public void run() {
    int seen = work.get();
    do {
      if (subscriber != null) {
        deliverTo(subscriber);
      }
      seen = work.addAndGet(-seen);
    } while (seen != 0);
  }

  private void deliverTo(Flow.Subscriber<? super TokenChunk> reader) {
    try {
      begin(reader);
      deliverChunks(reader);
      if (cancelled) {
        subscriber = null;
      } else if (violation != null) {
        fail(reader, violation);
      } else if (buffer.exhausted()) {
        complete(reader);
      }
    } catch (Throwable t) {
      subscriber = null;
      cancel();
      throw t;
    }
  }

  private void begin(Flow.Subscriber<? super TokenChunk> reader) {
    if (!begun) {
      begun = true;
      reader.onSubscribe(this);
    }
  }

  private void deliverChunks(Flow.Subscriber<? super TokenChunk> reader) {
    while (!cancelled && violation == null && demand.get() > 0) {
      TokenChunk chunk = buffer.poll();
      if (chunk == null) {
        return;
      }
      demand.updateAndGet(have -> have == Long.MAX_VALUE ? have : have - 1);
      reader.onNext(chunk);
    }
  }

  private void fail(Flow.Subscriber<? super TokenChunk> reader, Throwable reason) {
    subscriber = null;
    cancel();
    reader.onError(reason);
  }

  private void complete(Flow.Subscriber<? super TokenChunk> reader) {
    subscriber = null;
    Throwable failure = buffer.failure();
    if (failure == null) {
      reader.onComplete();
    } else {
      reader.onError(failure);
    }
  }

  /** Tells a subscriber that it comes too late. */
  static void refuse(Flow.Subscriber<? super TokenChunk> late, Throwable reason) {
    late.onSubscribe(
        new Flow.Subscription() {
          @Override
          public void request(long n) {}

          @Override
          public void cancel() {}
        });
    late.onError(reason);
  }
}
