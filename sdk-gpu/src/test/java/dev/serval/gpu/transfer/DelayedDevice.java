package dev.serval.gpu.transfer;

import dev.serval.api.gpu.TransferPriority;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * A device that copies when it gets to it: each stream has a thread that works off copies after a
 * random while, and that notes a violation where a copy touches memory that is not lent. It can be
 * made to refuse copies now and then, and to be lost.
 */
final class DelayedDevice implements CopyDevice {
  private static final int CAPACITY = 64;

  private final WatchedMemory memory;
  private final int longestNanos;
  private final AtomicInteger violations = new AtomicInteger();
  private final AtomicInteger openStreams = new AtomicInteger();
  private final AtomicInteger refusals = new AtomicInteger();
  private final AtomicLong given = new AtomicLong();
  private volatile boolean held;
  private volatile boolean lost;

  DelayedDevice(WatchedMemory memory, int longestNanos) {
    this.memory = memory;
    this.longestNanos = longestNanos;
  }

  int violations() {
    return violations.get();
  }

  int openStreams() {
    return openStreams.get();
  }

  /** How many times copies were given. */
  long given() {
    return given.get();
  }

  /** Refuses the next copies that are asked for. */
  void refuse(int copies) {
    refusals.addAndGet(copies);
  }

  /** Makes no copy until it is lost. */
  void hold() {
    held = true;
  }

  void lose() {
    lost = true;
  }

  @Override
  public String id() {
    return "slow:0";
  }

  @Override
  public CopyStream stream(TransferPriority priority) {
    return new DelayedStream();
  }

  @Override
  public String describe() {
    return "copies are made by threads, late";
  }

  private record Copy(long target, long source, long bytes) {}

  private final class DelayedStream implements CopyStream {
    private final Random random = new Random();
    private final ArrayDeque<Copy> queue = new ArrayDeque<>();
    private final List<Copy> noted = new ArrayList<>();
    private long asked;
    private long done;
    private boolean closed;

    DelayedStream() {
      openStreams.incrementAndGet();
      Thread.ofPlatform().daemon().name("slow-stream").start(this::work);
    }

    private void work() {
      for (Copy copy = next(); copy != null; copy = next()) {
        if (longestNanos > 0 && random.nextInt(4) == 0) {
          LockSupport.parkNanos(random.nextInt(longestNanos));
        }
        while (held && !lost) {
          LockSupport.parkNanos(100_000);
        }
        if (!lost) {
          make(copy);
        }
        synchronized (this) {
          done++;
          notifyAll();
        }
      }
    }

    private Copy next() {
      await(() -> !queue.isEmpty() || closed);
      synchronized (this) {
        return queue.poll();
      }
    }

    private synchronized void await(BooleanSupplier wanted) {
      while (!wanted.getAsBoolean()) {
        try {
          wait();
        } catch (InterruptedException e) {
          throw new AssertionError(e);
        }
      }
    }

    private void make(Copy copy) {
      requireLent(copy);
      MemorySegment.copy(
          WatchedMemory.at(copy.source, copy.bytes),
          0,
          WatchedMemory.at(copy.target, copy.bytes),
          0,
          copy.bytes);
      requireLent(copy);
    }

    private void requireLent(Copy copy) {
      if (!memory.isLent(copy.source, copy.bytes) || !memory.isLent(copy.target, copy.bytes)) {
        violations.incrementAndGet();
      }
    }

    @Override
    public void attach() {
      requireThere();
    }

    private void requireThere() {
      if (lost) {
        throw new UnsupportedOperationException("the device fell off the bus");
      }
    }

    @Override
    public void add(long target, long source, long bytes) {
      noted.add(new Copy(target, source, bytes));
    }

    @Override
    public int capacity() {
      return CAPACITY;
    }

    @Override
    public void give() {
      List<Copy> all = List.copyOf(noted);
      noted.clear();
      requireThere();
      given.incrementAndGet();
      int refused = refusals.getAndUpdate(left -> Math.max(0, left - 1));
      synchronized (this) {
        // A device may have begun before it refuses.
        List<Copy> begun = refused > 0 ? all.subList(0, all.size() / 2) : all;
        queue.addAll(begun);
        asked += begun.size();
        notifyAll();
      }
      if (refused > 0) {
        throw new UnsupportedOperationException("the device refuses the copy");
      }
    }

    @Override
    public Mark mark() {
      return new Mark() {
        private long place;

        @Override
        public void record() {
          requireThere();
          synchronized (DelayedStream.this) {
            place = asked;
          }
        }

        @Override
        public boolean reached() {
          requireThere();
          synchronized (DelayedStream.this) {
            return done >= place;
          }
        }

        @Override
        public void await() {
          waitUntil(place);
          requireThere();
        }
      };
    }

    private void waitUntil(long place) {
      await(() -> done >= place);
    }

    @Override
    public void drain() {
      noted.clear();
      long all;
      synchronized (this) {
        all = asked;
      }
      waitUntil(all);
    }

    @Override
    public void close() {
      synchronized (this) {
        if (!queue.isEmpty() || closed) {
          violations.incrementAndGet();
        }
        closed = true;
        notifyAll();
      }
      openStreams.decrementAndGet();
    }
  }
}
