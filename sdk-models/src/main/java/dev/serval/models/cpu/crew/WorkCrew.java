package dev.serval.models.cpu.crew;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** A few threads that share out the parts of one operation at a time with the thread that asks. */
public final class WorkCrew implements AutoCloseable {
  /*
   * An operation is a number of parts, which must not depend on each other. The caller publishes it by
   * one volatile write of `posted`, whose upper half counts operations and whose lower half is how
   * many parts there are. Each worker, the caller too, has a share of them, one after the other, and
   * claims them by taking one off the count of those that are left with a compare-and-set. Whoever has
   * no more of its own helps the others. The count is kept together with the number of its operation:
   * a share whose number is another one is still whole, so that nobody has to write to all shares
   * when an operation begins, and a claim never succeeds on a later operation.
   *
   * What one core writes and another reads takes a tenth of a microsecond to get there, or several
   * where they have no cache in common, and a small matrix takes no more than ten. So the way there is
   * one line of the cache, which all read and only the caller writes, and the way back one for each
   * worker, which counts the parts that it has finished. Shares are lines of their own too: taking
   * from one's own share costs next to nothing until somebody helps.
   *
   * The caller waits for parts, not for threads: a thread that sleeps, or that the system does not
   * run, holds nobody up unless it has claimed a part. A claim that succeeds implies that its operation
   * is still under way, since that ends only when all claimed parts have finished; so `work`, a plain
   * field written before `posted`, is that of the claim. A share that is not empty has been claimed
   * from when its operation ends, so whoever comes too late for one sees that from `posted`, or from
   * the share's having changed.
   *
   * A thread that finds nothing to claim spins for as long as the pauses within a step last, then
   * parks. It says so before it looks once more, and the caller looks for sleepers after it has
   * published; with both sequentially consistent, one of them sees the other.
   */
  private static final VarHandle WORDS = MethodHandles.arrayElementVarHandle(long[].class);
  private static final int SPINS = 3_000;

  /** Words between those of two workers: processors fetch lines in pairs. */
  private static final int APART = 128 / Long.BYTES;

  /** About ten microseconds' worth: for less, waiting for others takes longer than they save. */
  private static final long WORTH_SHARING = 1 << 16;

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
  private final long[] shares;
  private final long[] finished;
  private final AtomicBoolean busy = new AtomicBoolean();
  private final AtomicInteger sleepers = new AtomicInteger();
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
  private volatile long posted;
  private @Nullable Work work;
  private volatile boolean closed;
  private @Nullable Thread settled;

  /**
   * Starts the threads.
   *
   * @param name what their names begin with
   * @param places how many work together, the caller included, and where they run
   */
  public WorkCrew(String name, ThreadPlaces places) {
    this.places = places;
    shares = new long[(places.threads() + 1) * APART];
    finished = new long[shares.length];
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
  public void settleCaller() {
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
    busy.set(true);
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
      busy.setRelease(false);
    }
  }

  private static void alone(Work job) {
    int count = job.parts();
    for (int part = 0; part < count; part++) {
      job.part(part, 0);
    }
  }

  private void together(Work job) {
    long operation = ((posted >>> Integer.SIZE) + 1) << Integer.SIZE | job.parts();
    work = job;
    posted = operation;
    if (sleepers.get() > 0) {
      members.forEach(Member::wake);
    }
    workOn(operation, 0);
    awaitOthers(operation);
    work = null;
    if (failure.getPlain() != null) {
      rethrow();
    }
  }

  @SuppressWarnings("ThreadPriorityCheck") // whoever claimed the part may need this very core
  private void awaitOthers(long operation) {
    for (int spins = 0; finished(operation) < parts(operation); spins++) {
      if (spins < SPINS) {
        Thread.onSpinWait();
      } else {
        Thread.yield();
      }
    }
  }

  private int finished(long operation) {
    int count = 0;
    for (int worker = 0; worker < size(); worker++) {
      long word = (long) WORDS.getAcquire(finished, place(worker));
      count += sameOperation(word, operation) ? parts(word) : 0;
    }
    return count;
  }

  private static boolean sameOperation(long word, long other) {
    return word >>> Integer.SIZE == other >>> Integer.SIZE;
  }

  /** A count of an operation's parts, with its number. */
  private static long counting(long operation, int count) {
    return operation - parts(operation) + count;
  }

  private static int parts(long word) {
    return (int) word;
  }

  private static int place(int worker) {
    return (worker + 1) * APART;
  }

  private void rethrow() {
    Throwable cause = failure.getAndSet(null);
    switch (cause) {
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      case null, default -> throw new AssertionError("parts throw no checked exceptions", cause);
    }
  }

  /** Works on one's own share until nothing is left of it, then on the others'. */
  private void workOn(long operation, int worker) {
    for (int i = 0; i < size(); i++) {
      int owner = (worker + i) % size();
      for (int part = claim(operation, owner); part >= 0; part = claim(operation, owner)) {
        perform(operation, part, worker);
      }
    }
  }

  /** A part of somebody's share that nobody has claimed yet; −1 if there is none. */
  private int claim(long operation, int owner) {
    int end = firstPart(operation, owner + 1);
    while (true) {
      long word = (long) WORDS.getVolatile(shares, place(owner));
      boolean whole = !sameOperation(word, operation);
      int left = whole ? end - firstPart(operation, owner) : parts(word);
      if (left == 0 || (whole && posted != operation)) {
        return -1;
      }
      if (WORDS.compareAndSet(shares, place(owner), word, counting(operation, left - 1))) {
        return end - left;
      }
    }
  }

  private int firstPart(long operation, int worker) {
    return (int) ((long) parts(operation) * worker / size());
  }

  @SuppressWarnings("NullAway") // a claim implies work
  private void perform(long operation, int part, int worker) {
    try {
      work.part(part, worker);
    } catch (Throwable e) {
      failure.compareAndSet(null, e);
    } finally {
      long word = finished[place(worker)];
      int before = sameOperation(word, operation) ? parts(word) : 0;
      WORDS.setRelease(finished, place(worker), counting(operation, before + 1));
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
    while (busy.get()) {
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
      long done = 0;
      int idle = 0;
      while (!closed) {
        long operation = posted;
        if (operation != done) {
          workOn(operation, worker);
          done = operation;
          idle = 0;
        } else if (idle++ < SPINS) {
          Thread.onSpinWait();
        } else {
          sleep(done);
          idle = 0;
        }
      }
    }

    private void sleep(long done) {
      asleep = true;
      sleepers.incrementAndGet();
      while (asleep && !closed && posted == done) {
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
