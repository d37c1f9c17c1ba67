package dev.serval.api.gpu;

import dev.serval.api.storage.FileRange;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Transfers that are submitted together, and their completion. They go in no order among
 * themselves: no two of them write the same bytes, and none reads what another writes.
 *
 * <p>One thread fills it, {@linkplain TransferService#submit submits} it and asks for its {@link
 * #state}, which costs a read of a field; then it may be {@linkplain #clear cleared} and used
 * again, which allocates nothing. Everything that can happen to a batch:
 *
 * <pre>
 *   FILLING   submit                                       → QUEUED
 *   QUEUED    a transfer begins                            → RUNNING
 *   QUEUED    cancel, failure                              → STOPPING
 *   RUNNING   cancel, failure                              → STOPPING
 *   QUEUED    the last share ends (there was nothing in it) → SUCCEEDED
 *   RUNNING   the last share ends                          → SUCCEEDED
 *   STOPPING  failure after a cancel                       → STOPPING
 *   STOPPING  the last share ends                          → FAILED after a failure, SUCCEEDED when
 *                                                            every byte was moved, else CANCELLED
 *   SUCCEEDED, FAILED, CANCELLED   clear                   → FILLING
 * </pre>
 *
 * <p>A share is a piece of work under way on one of the service's threads. Regions are held from
 * QUEUED until the last share has ended, so no memory is released while a copy can still touch it,
 * whoever closes what in whichever order.
 */
public final class TransferBatch {
  /** The states of a batch. */
  public enum State {
    /** It can be added to. */
    FILLING,
    /** It was submitted, and nothing of it has begun. */
    QUEUED,
    /** Some of it is under way. */
    RUNNING,
    /** Nothing more of it begins; what has begun is waited for. */
    STOPPING,
    /** All has arrived. */
    SUCCEEDED,
    /** Something went wrong; what arrived is not defined. */
    FAILED,
    /** Somebody cancelled it in time; what arrived is not defined. */
    CANCELLED;

    /**
     * Whether this is one of the last three.
     *
     * @return true if nothing happens any more
     */
    public boolean ended() {
      return compareTo(SUCCEEDED) >= 0;
    }
  }

  private static final TransferPath[] PATHS = TransferPath.values();

  private final TransferPriority priority;
  private final Consumer<TransferBatch> listener;
  private final List<Transfer> transfers = new ArrayList<>();
  private final Map<TransferPath, Way> ways = new EnumMap<>(TransferPath.class);

  private volatile State state = State.FILLING;
  private int count;
  private long bytes;
  private int shares;
  private @Nullable TransferException failure;
  private long beginNanos;
  private long endNanos;

  /**
   * A batch without a listener.
   *
   * @param priority how much it matters
   */
  public TransferBatch(TransferPriority priority) {
    this(priority, batch -> {});
  }

  /**
   * A batch whose end is heard of.
   *
   * @param priority how much it matters
   * @param listener called once after each submission that was taken, when the batch has ended, on
   *     whichever thread ended it; returns quickly and throws nothing
   */
  public TransferBatch(TransferPriority priority, Consumer<TransferBatch> listener) {
    this.priority = priority;
    this.listener = listener;
    for (TransferPath path : PATHS) {
      ways.put(path, new Way());
    }
  }

  /**
   * Adds a copy between regions, of one or of two kinds; the bytes of both do not overlap.
   *
   * @param from where from
   * @param fromOffset where the bytes begin there
   * @param to where to
   * @param toOffset where the bytes go there
   * @param length how many
   * @return this batch
   * @throws IndexOutOfBoundsException when they are not within both
   */
  public TransferBatch copy(Region from, long fromOffset, Region to, long toOffset, long length) {
    next().between(from, fromOffset, to, toOffset, length);
    return added();
  }

  /**
   * Adds a read of a file. Where on the drive the bytes begin, and where they go, need not be
   * aligned.
   *
   * @param from which bytes of which file
   * @param to where to
   * @param toOffset where the bytes go there
   * @return this batch
   * @throws IndexOutOfBoundsException when they do not fit there
   */
  public TransferBatch read(FileRange from, Region to, long toOffset) {
    next().read(from, to, toOffset);
    return added();
  }

  /**
   * Adds a copy from memory of the host that is no region, such as a mapped file. The owner of the
   * segment may close it meanwhile: the batch fails then. Its bytes do not change meanwhile.
   *
   * @param from the bytes
   * @param to where to
   * @param toOffset where the bytes go there
   * @return this batch
   * @throws IndexOutOfBoundsException when they do not fit there
   */
  public TransferBatch store(MemorySegment from, Region to, long toOffset) {
    next().store(from, to, toOffset);
    return added();
  }

  /**
   * Adds a copy to memory of the host that is no region. The owner of the segment may close it
   * meanwhile: the batch fails then.
   *
   * @param from where from
   * @param fromOffset where the bytes begin there
   * @param to where to, and how many
   * @return this batch
   * @throws IndexOutOfBoundsException when there are not as many
   */
  public TransferBatch fetch(Region from, long fromOffset, MemorySegment to) {
    next().fetch(from, fromOffset, to);
    return added();
  }

  private Transfer next() {
    require(State.FILLING, "be added to");
    if (count == transfers.size()) {
      transfers.add(new Transfer());
    }
    return transfers.get(count);
  }

  private TransferBatch added() {
    bytes += transfers.get(count++).bytes();
    return this;
  }

  /**
   * Empties it, to be filled again.
   *
   * @return this batch
   * @throws IllegalStateException when it is under way
   */
  public synchronized TransferBatch clear() {
    if (state != State.FILLING && !state.ended()) {
      throw illegal("be cleared");
    }
    for (int i = 0; i < count; i++) {
      transfers.get(i).forget();
    }
    count = 0;
    bytes = 0;
    failure = null;
    for (TransferPath path : PATHS) {
      way(path).clear();
    }
    state = State.FILLING;
    return this;
  }

  /**
   * How much it matters.
   *
   * @return the priority
   */
  public TransferPriority priority() {
    return priority;
  }

  /**
   * How many transfers it has.
   *
   * @return the number of those that were added
   */
  public int size() {
    return count;
  }

  /**
   * How much its transfers move.
   *
   * @return the sum of their bytes
   */
  public long bytes() {
    return bytes;
  }

  /**
   * What has become of it; allocates nothing and waits for nothing.
   *
   * @return the state at this moment
   */
  public State state() {
    return state;
  }

  /**
   * Why it failed, or what was not moved because it was cancelled.
   *
   * @return the sentence, as an exception; empty unless it is FAILED or CANCELLED
   */
  public synchronized Optional<TransferException> failure() {
    return state.ended() ? Optional.ofNullable(failure) : Optional.empty();
  }

  /**
   * Waits until it has ended.
   *
   * @throws TransferException when it is FAILED or CANCELLED
   * @throws InterruptedException when the thread is interrupted; the batch goes on
   */
  public void await() throws InterruptedException {
    synchronized (this) {
      while (!state.ended()) {
        requireSubmitted();
        wait();
      }
    }
    throwFailure();
  }

  /**
   * Waits until it has ended, but not for ever.
   *
   * @param atMost how long
   * @return whether it has ended
   * @throws TransferException when it is FAILED or CANCELLED
   * @throws InterruptedException when the thread is interrupted; the batch goes on
   */
  public boolean await(Duration atMost) throws InterruptedException {
    long end = System.nanoTime() + atMost.toNanos();
    synchronized (this) {
      while (!state.ended()) {
        requireSubmitted();
        long left = end - System.nanoTime();
        if (left <= 0) {
          return false;
        }
        TimeUnit.NANOSECONDS.timedWait(this, left);
      }
    }
    throwFailure();
    return true;
  }

  private void requireSubmitted() {
    if (state == State.FILLING) {
      throw illegal("be waited for");
    }
  }

  private void throwFailure() {
    TransferException thrown = failure().orElse(null);
    if (thrown != null) {
      throw new TransferException(String.valueOf(thrown.getMessage()), thrown);
    }
  }

  /**
   * What it cost.
   *
   * @return a report for each way that bytes went so far, the shortest way first
   */
  public synchronized List<TransferReport> reports() {
    long wall = (state.ended() ? endNanos : System.nanoTime()) - beginNanos;
    return ways.entrySet().stream()
        .filter(way -> way.getValue().moved > 0)
        .map(way -> way.getValue().report(way.getKey(), wall))
        .toList();
  }

  // What follows is for services alone.

  /**
   * One of the transfers. For services.
   *
   * @param index from 0
   * @return the transfer, as it was added
   */
  public Transfer transfer(int index) {
    if (index >= count) {
      throw new IndexOutOfBoundsException("transfer %d of %d".formatted(index, count));
    }
    return transfers.get(index);
  }

  /**
   * It is submitted: holds all regions, for as many shares. For services.
   *
   * @param begun how many shares there are to begin with, each ended by {@link #end}; at least 1
   * @throws IllegalStateException when a region is closed, or the batch is not being filled;
   *     nothing is held then
   */
  public synchronized void queue(int begun) {
    require(State.FILLING, "be submitted");
    hold();
    shares = begun;
    beginNanos = System.nanoTime();
    state = State.QUEUED;
  }

  /**
   * Asks whether some more of it may begin, as a share of its own that is ended by {@link #end}.
   * For services.
   *
   * @return false when it is stopping; there is no share then
   */
  public synchronized boolean begin() {
    if (state == State.QUEUED) {
      beginNanos = System.nanoTime();
      state = State.RUNNING;
    }
    if (state != State.RUNNING) {
      return false;
    }
    shares++;
    return true;
  }

  /**
   * Some bytes have arrived. Called before the {@link #end} of the share that moved them. For
   * services.
   *
   * @param path the way they went
   * @param reason why not a shorter one; empty if there is none
   * @param arrived how many
   * @param copies the bytes that were copied on the way, a byte that was copied twice counting two
   * @param processor nanoseconds of the host's processors
   */
  public synchronized void moved(
      TransferPath path, String reason, long arrived, long copies, long processor) {
    Way way = way(path);
    way.moved += arrived;
    way.copied += copies;
    way.processorNanos += processor;
    if (!reason.isEmpty()) {
      way.reason = reason;
    }
  }

  private Way way(TransferPath path) {
    return Objects.requireNonNull(ways.get(path), "way");
  }

  /**
   * Stops what has not begun, for a cancel. For services.
   *
   * @return whether it was under way and nothing had stopped it
   */
  public synchronized boolean stop() {
    if (state != State.QUEUED && state != State.RUNNING) {
      return false;
    }
    state = State.STOPPING;
    return true;
  }

  /**
   * Stops what has not begun, for a failure; the first failure is the one that counts. Called
   * before the {@link #end} of the share that failed. For services.
   *
   * @param reason what went wrong
   */
  public synchronized void fail(TransferException reason) {
    if (state == State.FILLING || state.ended()) {
      throw illegal("fail");
    }
    if (failure == null) {
      failure = reason;
    }
    state = State.STOPPING;
  }

  /** A share has ended; the last one ends the batch and drops its regions. For services. */
  public void end() {
    synchronized (this) {
      if (shares < 1) {
        throw illegal("end a share that it has not");
      }
      if (--shares > 0) {
        return;
      }
      endNanos = System.nanoTime();
      drop(count);
      state = outcome();
      notifyAll();
    }
    tell();
  }

  /** What a listener throws is not the affair of other batches. */
  private void tell() {
    try {
      listener.accept(this);
    } catch (RuntimeException | Error e) {
      Thread thread = Thread.currentThread();
      thread.getUncaughtExceptionHandler().uncaughtException(thread, e);
    }
  }

  private State outcome() {
    if (failure != null) {
      return State.FAILED;
    }
    long arrived = 0;
    for (TransferPath path : PATHS) {
      arrived += way(path).moved;
    }
    if (arrived == bytes) {
      return State.SUCCEEDED;
    }
    failure =
        new TransferException(
            "a batch of %d transfers was cancelled when %d of %d bytes had been moved"
                .formatted(count, arrived, bytes),
            null);
    return State.CANCELLED;
  }

  private void hold() {
    int held = 0;
    try {
      for (; held < count; held++) {
        transfers.get(held).hold();
      }
    } finally {
      if (held < count) {
        drop(held);
      }
    }
  }

  private void drop(int held) {
    for (int i = 0; i < held; i++) {
      transfers.get(i).drop();
    }
  }

  private void require(State wanted, String use) {
    if (state != wanted) {
      throw illegal(use);
    }
  }

  private IllegalStateException illegal(String use) {
    return new IllegalStateException(
        "a batch of %d transfers is %s and cannot %s".formatted(count, state, use));
  }

  /** What went one way. */
  private static final class Way {
    private long moved;
    private long copied;
    private long processorNanos;
    private String reason = "";

    void clear() {
      moved = 0;
      copied = 0;
      processorNanos = 0;
      reason = "";
    }

    TransferReport report(TransferPath path, long wallNanos) {
      double copies = (double) copied / moved;
      return new TransferReport(path, reason, moved, copies, processorNanos, wallNanos);
    }
  }

  /** Its size and state. */
  @Override
  public String toString() {
    return "%d transfers of %d bytes, %s".formatted(count, bytes, state);
  }
}
