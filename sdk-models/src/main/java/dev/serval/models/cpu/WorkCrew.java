package dev.serval.models.cpu;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** A few threads that share out the parts of one operation at a time with the thread that asks. */
public final class WorkCrew implements AutoCloseable {
  /*
   * An operation is a number of parts, which must not depend on each other. The caller publishes them
   * by one volatile write of `open`, whose upper half counts operations and whose lower half is how
   * many parts nobody has claimed yet. Everybody, the caller too, claims a part by taking one off with
   * a compare-and-set; the count in the upper half keeps a claim from succeeding on a later operation.
   *
   * The caller waits for parts, not for threads: a thread that sleeps, or that the system does not
   * run, holds nobody up unless it has claimed a part. A claim that succeeds implies that its operation
   * is still under way, since that ends only when all claimed parts have finished; so `work` and
   * `parts`, plain fields written before `open`, are those of the claim.
   *
   * A thread that finds nothing to claim spins for as long as the pauses within a step last, then
   * parks. It says so before it looks once more, and the caller looks for sleepers after it has
   * published; with both sequentially consistent, one of them sees the other.
   */
  private static final VarHandle OPEN;
  private static final int SPINS = 3_000;

  /** About ten microseconds' worth: for less, waiting for others takes longer than they save. */
  private static final long WORTH_SHARING = 1 << 16;

  static {
    try {
      OPEN = MethodHandles.lookup().findVarHandle(WorkCrew.class, "open", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** Work in parts that do not depend on each other. */
  public interface Work {
    /** How many parts there are. */
    int parts();

    /** About how many multiplications all of it takes. */
    long operations();

    /**
     * Does one part.
     *
     * @param part which, from 0
     * @param worker who does it: 0 for the caller, less than {@link WorkCrew#size}
     */
    void part(int part, int worker);
  }

  private final ThreadPlaces places;
  private final List<Member> members = new ArrayList<>();
  private final AtomicInteger finished = new AtomicInteger();
  private final AtomicInteger sleepers = new AtomicInteger();
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
  private volatile long open;
  private volatile boolean busy;
  private volatile boolean closed;
  private @Nullable Work work;
  private @Nullable Thread settled;
  private int parts;

  /**
   * Starts the threads.
   *
   * @param name what their names begin with
   * @param places how many work together, the caller included, and where they run
   */
  WorkCrew(String name, ThreadPlaces places) {
    this.places = places;
    for (int worker = 1; worker < places.threads(); worker++) {
      members.add(new Member(name + "-" + worker, worker));
    }
    members.forEach(member -> member.thread.start());
  }

  /** How many work together, the caller included. */
  public int size() {
    return members.size() + 1;
  }

  /** Puts the calling thread where the places say, for good, unless it is there already. */
  void settleCaller() {
    if (settled != Thread.currentThread()) {
      places.settle(0);
      settled = Thread.currentThread();
    }
  }

  @Override
  public String toString() {
    return places.toString();
  }

  /**
   * Does all parts and returns when they are done. One thread at a time.
   *
   * @throws IllegalStateException when the crew is closed
   */
  public void run(Work job) {
    busy = true;
    try {
      if (closed) {
        throw new IllegalStateException("the backend is closed");
      }
      if (job.parts() < 2 || job.operations() < WORTH_SHARING || members.isEmpty()) {
        alone(job);
      } else {
        together(job);
      }
    } finally {
      busy = false;
    }
  }

  private static void alone(Work job) {
    int count = job.parts();
    for (int part = 0; part < count; part++) {
      job.part(part, 0);
    }
  }

  private void together(Work job) {
    int count = job.parts();
    work = job;
    parts = count;
    finished.setPlain(0);
    open = ((open >>> Integer.SIZE) + 1) << Integer.SIZE | count;
    if (sleepers.get() > 0) {
      members.forEach(Member::wake);
    }
    workOn(0);
    awaitOthers(count);
    work = null;
    if (failure.getPlain() != null) {
      rethrow();
    }
  }

  @SuppressWarnings("ThreadPriorityCheck") // whoever claimed the part may need this very core
  private void awaitOthers(int count) {
    for (int spins = 0; finished.get() < count; spins++) {
      if (spins < SPINS) {
        Thread.onSpinWait();
      } else {
        Thread.yield();
      }
    }
  }

  private void rethrow() {
    Throwable cause = failure.getAndSet(null);
    switch (cause) {
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      case null, default -> throw new AssertionError("parts throw no checked exceptions", cause);
    }
  }

  /** Claims parts until there are none; says whether there was any. */
  private boolean workOn(int worker) {
    boolean any = false;
    for (int part = claim(); part >= 0; part = claim()) {
      any = true;
      perform(part, worker);
    }
    return any;
  }

  private int claim() {
    long now = open;
    while ((int) now > 0) {
      if (OPEN.compareAndSet(this, now, now - 1)) {
        return parts - (int) now;
      }
      now = open;
    }
    return -1;
  }

  @SuppressWarnings("NullAway") // a claim implies work
  private void perform(int part, int worker) {
    try {
      work.part(part, worker);
    } catch (Throwable e) {
      failure.compareAndSet(null, e);
    } finally {
      finished.incrementAndGet();
    }
  }

  /** Ends the threads; waits for the operation under way. */
  @Override
  @SuppressWarnings("ThreadPriorityCheck") // as above
  public void close() {
    closed = true;
    members.forEach(Member::wake);
    boolean interrupted = false;
    for (Member member : members) {
      interrupted |= member.join();
    }
    while (busy) {
      Thread.yield();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** One thread of the crew. */
  private final class Member implements Runnable {
    private final int worker;
    private final Thread thread;
    private volatile boolean asleep;

    Member(String name, int worker) {
      this.worker = worker;
      thread = Thread.ofPlatform().name(name).daemon().unstarted(this);
    }

    @Override
    public void run() {
      try {
        places.settle(worker);
      } catch (RuntimeException e) {
        failure.compareAndSet(null, e);
      }
      int idle = 0;
      while (!closed) {
        if (workOn(worker)) {
          idle = 0;
        } else if (idle++ < SPINS) {
          Thread.onSpinWait();
        } else {
          sleep();
          idle = 0;
        }
      }
    }

    private void sleep() {
      asleep = true;
      sleepers.incrementAndGet();
      while (asleep && !closed && (int) open <= 0) {
        LockSupport.park(WorkCrew.this);
      }
      asleep = false;
      sleepers.decrementAndGet();
    }

    void wake() {
      if (asleep) {
        asleep = false;
        LockSupport.unpark(thread);
      }
    }

    /** Waits for the end of the thread; says whether the waiting thread was interrupted. */
    boolean join() {
      boolean interrupted = false;
      while (true) {
        try {
          thread.join();
          return interrupted;
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
  }
}
