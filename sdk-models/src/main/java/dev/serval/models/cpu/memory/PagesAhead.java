package dev.serval.models.cpu.memory;

import java.util.concurrent.locks.LockSupport;

/** Has the system give pages of a memory before they are written. */
public final class PagesAhead implements AutoCloseable {
  /*
   * The system gives a page when it is first written. Where it has huge pages at hand that is over in a
   * tenth of a millisecond; in a virtual machine whose host gives memory as late, one took 4.7 ms, in
   * the midst of a step, with the crew waiting for it. So a thread asks for the pages behind those that
   * are in use: in pieces, once there are steps with pauses in between, so that those keep the
   * processor, and never further than a bound, so that memory that nobody uses stays with the system.
   *
   * Asking changes nothing of what lies in a page (MADV_POPULATE_WRITE), so it may well be asked for one
   * that is being written. Where the system doesn't know the question the thread ends.
   */
  private static final long AHEAD = 32L << 20;
  private static final long PIECE = 2L << 20;
  private static final int PAUSES_PER_PIECE = 4;

  /** Asks the system. */
  @FunctionalInterface
  interface Source {
    /** Asks for the pages of so many bytes from an address; says whether it understood. */
    boolean populate(long address, long bytes);
  }

  private final long address;
  private final long size;
  private final Source source;
  private final Thread thread;
  private long asked;
  private volatile boolean used;
  private volatile long wanted;
  private volatile long populated;
  private volatile boolean closed;

  /**
   * Begins with the first pages.
   *
   * @param address where the memory begins
   * @param size how many bytes it has
   * @param source asks the system for them
   */
  PagesAhead(long address, long size, Source source) {
    this.address = address;
    this.size = size;
    this.source = source;
    thread = Thread.ofPlatform().name("pages-ahead").daemon().unstarted(this::work);
    want(0);
    thread.start();
  }

  /** What lies before {@code end} is in use. One thread at a time. */
  void use(long end) {
    if (!used) {
      used = true;
    }
    want(end);
  }

  private void want(long end) {
    if (end + AHEAD / 2 > asked && asked < size) {
      asked = Math.min(end + AHEAD, size);
      wanted = asked;
      LockSupport.unpark(thread);
    }
  }

  /** How much there is by now. */
  long populated() {
    return populated;
  }

  private void work() {
    boolean understood = true;
    while (understood && !closed) {
      if (populated < wanted) {
        understood = next();
      } else {
        LockSupport.park(this);
      }
    }
  }

  private boolean next() {
    long begin = System.nanoTime();
    long done = populated;
    long piece = Math.min(PIECE, wanted - done);
    boolean understood = source.populate(address + done, piece);
    populated = done + piece;
    if (used) {
      LockSupport.parkNanos(this, PAUSES_PER_PIECE * (System.nanoTime() - begin));
    }
    return understood;
  }

  /** Ends the thread and waits for it: the memory may go then. */
  @Override
  public void close() {
    closed = true;
    LockSupport.unpark(thread);
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
