package dev.serval.batching;

import dev.serval.api.RequestRejectedException;
import dev.serval.api.RequestRejectedException.Reason;
import dev.serval.api.Tenant;
import dev.serval.api.batching.Refusal;
import dev.serval.api.batching.TensorBatching;
import dev.serval.api.batching.TensorListener;
import dev.serval.api.batching.TensorModel;
import dev.serval.batching.TensorCall.Urgency;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Dynamic batching for a model without a token loop. Many callers submit inputs; a thread of the
 * batcher's own runs them together and completes each caller's future. Safe for use by any thread.
 *
 * @param <I> what the model takes
 * @param <O> what it gives
 */
public final class TensorBatcher<I, O> implements AutoCloseable {
  /*
   * While a batch runs, inputs gather, and the next batch takes them: under load batches fill by
   * themselves and waiting for company would gain nothing. Waiting can pay only when the model is
   * idle.
   *
   * What it gains is the time that a batch takes whatever its size, for whoever comes later and
   * goes along needs no batch of his own; what it costs is the time that the model idles. So the
   * batcher waits for the next input only while inputs come, as a rule, in quicker succession than
   * that time, gives up when it has been quiet for several times what is usual or for that whole
   * time, whichever is less (a ski rental: never more than twice the cost of having known), and
   * never keeps an input longer than maxDelay. Both sides are measured: the succession by the
   * median of the last gaps, which the pause between two bursts does not move, and the fixed time
   * by a line through the batches of late. A lone caller, whose next input comes after the answer
   * to the last, is never delayed.
   *
   * A batch begins with the most urgent call and takes others, the more urgent first, as long as
   * all are of like length. A call's urgency is the moment of its submission, moved by its priority
   * times a fixed step: so the order never changes while calls wait, and nobody is overtaken for
   * ever.
   *
   * The owner thread alone touches the waiting calls; callers hand over through one queue, and
   * their places are reserved before, so the bound holds exactly, and for inputs submitted together
   * either all have a place or none has. A tenant's quota holds as exactly: an input is off its
   * account before its caller hears of its end, so that whoever waited for one can submit the next.
   */
  private static final int GAPS_UNTIL_QUIET = 8;
  private static final long WAKING_NANOS = 50_000;

  private final TensorModel<I, O> model;
  private final TensorBatching options;
  private final TensorListener listener;
  private final LongSupplier clock;
  private final Executor delivery;
  private final Thread owner;
  private final Queue<TensorCall<I, O>> handedOver = new ConcurrentLinkedQueue<>();
  private final AtomicInteger places = new AtomicInteger();
  private final AtomicLong numbers = new AtomicLong();
  private final Quotas quotas = new Quotas();
  private final WaitingCalls<I, O> waiting;
  private final Arrivals arrivals = new Arrivals();
  private final BatchCost cost = new BatchCost();
  private volatile boolean closed;

  private TensorBatcher(
      TensorModel<I, O> model,
      TensorBatching options,
      TensorListener listener,
      LongSupplier clock,
      ThreadFactory threads,
      Executor delivery) {
    this.model = model;
    this.options = options;
    this.listener = new CarefulTensorListener(listener);
    this.clock = clock;
    this.delivery = delivery;
    this.waiting = new WaitingCalls<>(options);
    this.owner = threads.newThread(this::work);
  }

  /**
   * Starts a batcher.
   *
   * @param model what computes
   * @param options how batches are formed
   * @param listener hears of batches, on the batcher's thread
   * @param nanoClock a clock as {@link System#nanoTime}
   * @param threads makes the one thread that runs the model
   * @param delivery completes the futures, so that callers' code never runs on the batcher's thread
   * @param <I> what the model takes
   * @param <O> what it gives
   * @return the batcher, which the caller closes
   */
  public static <I, O> TensorBatcher<I, O> start(
      TensorModel<I, O> model,
      TensorBatching options,
      TensorListener listener,
      LongSupplier nanoClock,
      ThreadFactory threads,
      Executor delivery) {
    TensorBatcher<I, O> batcher =
        new TensorBatcher<>(model, options, listener, nanoClock, threads, delivery);
    batcher.owner.start();
    return batcher;
  }

  /**
   * Hands an input over, with usual priority and no deadline. Never waits.
   *
   * @param input the input
   * @return completes with its output; cancelling it takes the input out if it has not begun
   * @throws RequestRejectedException when too many inputs wait, or the batcher is closed
   */
  public CompletableFuture<O> submit(I input) {
    return submitAll(List.of(input), 0).getFirst();
  }

  /**
   * Hands inputs over, all of them or none. Never waits; they need not go into the same batch.
   *
   * @param inputs the inputs, at least one
   * @param tenant on whose account: together they are one of its requests, and their lengths the
   *     tokens that its quota is charged with
   * @param priority lower is sooner; 0 is usual
   * @param deadline how long from now their batches may begin, or null for as long as it takes;
   *     what is later fails with {@link RequestRejectedException} and is not computed
   * @return an output for each input, in their order; cancelling one takes its input out if it has
   *     not begun
   * @throws RequestRejectedException when too many inputs wait, the tenant's quota does not allow
   *     for them, or the batcher is closed
   */
  public List<CompletableFuture<O>> submitAll(
      List<I> inputs, Tenant tenant, int priority, @Nullable Duration deadline) {
    if (closed) {
      throw closing();
    }
    int[] lengths = inputs.stream().mapToInt(model::length).toArray();
    long now = clock.getAsLong();
    Runnable whenEnded = enter(tenant, lengths, now);
    Urgency urgency = Urgency.of(priority, nanos(deadline), options);
    List<CompletableFuture<O>> results = new ArrayList<>(inputs.size());
    for (int i = 0; i < lengths.length; i++) {
      long number = numbers.getAndIncrement();
      TensorCall<I, O> call =
          new TensorCall<>(inputs.get(i), lengths[i], number, i == 0, now, urgency, whenEnded);
      var _ = call.result.whenComplete((output, failure) -> call.end(places));
      results.add(call.result);
      handedOver.add(call);
    }
    if (closed) {
      refuseHandedOver();
    }
    LockSupport.unpark(owner);
    return results;
  }

  /**
   * Hands inputs over as {@link #submitAll(List, Tenant, int, Duration)}, on the host's account and
   * with no deadline.
   *
   * @param inputs the inputs, at least one
   * @param priority lower is sooner; 0 is usual
   * @return an output for each input, in their order
   * @throws RequestRejectedException when too many inputs wait, or the batcher is closed
   */
  public List<CompletableFuture<O>> submitAll(List<I> inputs, int priority) {
    return submitAll(inputs, Tenant.HOST, priority, null);
  }

  /**
   * How many inputs wait for their batch to begin.
   *
   * @return the number at this moment
   */
  public int waiting() {
    return places.get();
  }

  /** Fails what waits, lets the batch under way finish, ends the thread and waits for it. */
  @Override
  public void close() {
    closed = true;
    LockSupport.unpark(owner);
    if (Thread.currentThread() == owner) {
      return;
    }
    ThreadEnd.await(owner);
    refuseHandedOver();
  }

  private static long nanos(@Nullable Duration deadline) {
    return deadline != null && deadline.compareTo(Duration.ofNanos(Long.MAX_VALUE)) < 0
        ? deadline.toNanos()
        : Long.MAX_VALUE;
  }

  /** Finds places for inputs and charges their tenant, and gives what each does when it ends. */
  private Runnable enter(Tenant tenant, int[] lengths, long now) {
    reserve(lengths.length);
    Refusal refusal = quotas.take(tenant, IntStream.of(lengths).asLongStream().sum(), now);
    if (refusal != null) {
      places.addAndGet(-lengths.length);
      throw refusal.exception();
    }
    AtomicInteger open = new AtomicInteger(lengths.length);
    return () -> {
      if (open.decrementAndGet() == 0) {
        quotas.giveBack(tenant, 0, clock.getAsLong());
      }
    };
  }

  private void reserve(int inputs) {
    int room = options.maxWaiting() - inputs;
    int others = places.getAndUpdate(taken -> taken <= room ? taken + inputs : taken);
    if (others > room) {
      throw new RequestRejectedException(
          Reason.OVERLOADED,
          "%d inputs wait; %d more would be more than the %d that may wait"
              .formatted(others, inputs, options.maxWaiting()),
          null);
    }
  }

  private void work() {
    while (!closed) {
      long now = clock.getAsLong();
      receive();
      waiting.expire(now, this::late);
      List<TensorCall<I, O>> group = waiting.next();
      long patience = group.isEmpty() ? Long.MAX_VALUE : patience(group, now);
      if (patience > 0) {
        sleep(patience);
      } else {
        run(waiting.take(group));
      }
    }
    receive();
    waiting.takeAll(this::refuse);
  }

  private void sleep(long nanos) {
    if (handedOver.isEmpty() && !closed) {
      if (nanos == Long.MAX_VALUE) {
        LockSupport.park(this);
      } else {
        LockSupport.parkNanos(this, nanos);
      }
    }
  }

  private void receive() {
    for (TensorCall<I, O> call = handedOver.poll(); call != null; call = handedOver.poll()) {
      waiting.add(call);
      if (call.opens) {
        arrivals.at(call.submittedNanos);
      }
    }
  }

  /**
   * How long a group should wait for more company, in nanoseconds; 0 or less for not at all. It is
   * asked as of before inputs were received: what comes since then has not been looked for.
   */
  private long patience(List<TensorCall<I, O>> group, long now) {
    long gain = (long) cost.fixedNanos();
    long gap = arrivals.typicalGapNanos();
    if (group.size() == options.maxBatch() || gap >= gain) {
      return 0;
    }
    long untilQuiet = Math.min(gain, GAPS_UNTIL_QUIET * gap + WAKING_NANOS);
    long longest = group.stream().mapToLong(call -> call.waited(now)).max().orElseThrow();
    long nearest = group.stream().mapToLong(call -> call.left(now)).min().orElseThrow();
    return Math.min(
        Math.min(options.maxDelay().toNanos() - longest, nearest / 2),
        untilQuiet - arrivals.quietNanos(now));
  }

  private void run(List<TensorCall<I, O>> batch) {
    long begin = clock.getAsLong();
    for (TensorCall<I, O> call : batch) {
      call.leave(places);
      listener.began(call.waited(begin));
    }
    compute(batch);
    long nanos = clock.getAsLong() - begin;
    long length = batch.stream().mapToLong(call -> call.length).sum();
    int longest = batch.stream().mapToInt(call -> call.length).max().orElseThrow();
    cost.record((long) longest * batch.size(), nanos);
    listener.batch(batch.size(), length, (long) longest * batch.size(), nanos);
  }

  private void compute(List<TensorCall<I, O>> batch) {
    try {
      deliver(batch);
    } catch (Throwable failure) {
      if (batch.size() == 1) {
        fail(batch.getFirst(), failure);
      } else {
        batch.stream().filter(call -> !call.result.isDone()).forEach(c -> compute(List.of(c)));
      }
    }
  }

  private void deliver(List<TensorCall<I, O>> batch) throws Exception {
    List<O> outputs = model.run(batch.stream().map(call -> call.input).toList());
    if (outputs.size() != batch.size()) {
      throw new IllegalStateException(
          "the model gave " + outputs.size() + " outputs for " + batch.size() + " inputs");
    }
    for (int i = 0; i < batch.size(); i++) {
      TensorCall<I, O> call = batch.get(i);
      O output = outputs.get(i);
      call.end(places);
      tell(() -> call.result.complete(output));
    }
  }

  private void late(TensorCall<I, O> call) {
    listener.expired();
    Duration waited = Duration.ofNanos(call.waited(clock.getAsLong()));
    fail(
        call,
        new RequestRejectedException(
            Reason.DEADLINE,
            "the deadline passed after " + waited.toMillis() + " ms of waiting for a batch",
            null));
  }

  private void fail(TensorCall<I, O> call, Throwable failure) {
    call.end(places);
    tell(() -> call.result.completeExceptionally(failure));
  }

  /** Runs callers' code elsewhere, unless nobody takes it: a future must not be forgotten. */
  private void tell(Runnable completion) {
    try {
      delivery.execute(completion);
    } catch (RejectedExecutionException e) {
      completion.run();
    }
  }

  private void refuseHandedOver() {
    for (TensorCall<I, O> call = handedOver.poll(); call != null; call = handedOver.poll()) {
      refuse(call);
    }
  }

  private void refuse(TensorCall<I, O> call) {
    fail(call, closing());
  }

  private static RequestRejectedException closing() {
    return new RequestRejectedException(Reason.CLOSING, "the batcher is closed", null);
  }
}
