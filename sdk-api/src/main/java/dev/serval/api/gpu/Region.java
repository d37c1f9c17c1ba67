package dev.serval.api.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * A piece of device memory or of pinned host memory, from a {@link RegionPool}.
 *
 * <p>Whoever lets a device read or write it holds it meanwhile. Closing a region ends it for its
 * owner at once; its memory goes back to the pool when the last holder drops it, whichever comes
 * later. All that can happen to a region, {@code n} being the number of holders:
 *
 * <pre>
 *   OPEN(n)      hold  → OPEN(n+1)
 *   OPEN(n ≥ 1)  drop  → OPEN(n-1)
 *   OPEN(0)      close → RELEASED
 *   OPEN(n ≥ 1)  close → CLOSED(n)
 *   CLOSED(n ≥ 2) drop → CLOSED(n-1)
 *   CLOSED(1)    drop  → RELEASED
 *   CLOSED, RELEASED: close does nothing, hold is refused
 *   OPEN(0), RELEASED: drop is refused
 * </pre>
 *
 * <p>Safe for use by several threads.
 */
public final class Region implements AutoCloseable {
  /** The states of a region. */
  public enum State {
    /** Its owner has it. */
    OPEN,
    /** Its owner has closed it, and somebody holds it still. */
    CLOSED,
    /** Its memory went back to the pool. */
    RELEASED
  }

  private static final VarHandle HOLDS;
  private static final int CLOSED_BIT = 1;
  private static final int HOLD = 2;

  static {
    try {
      HOLDS = MethodHandles.lookup().findVarHandle(Region.class, "holds", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final RegionPool pool;
  private final long address;
  private final long size;

  /** Twice the number of holders, and the closed bit: 1 is a region that was released. */
  private volatile int holds;

  private @Nullable View view;

  Region(RegionPool pool, long address, long size) {
    this.pool = pool;
    this.address = address;
    this.size = size;
  }

  /**
   * The kind of its memory.
   *
   * @return the pool's kind
   */
  public MemoryKind kind() {
    return pool.kind();
  }

  /**
   * Where it begins, in the address space that host and device share. An address says nothing of
   * its memory's life: whoever gives it to the device holds the region.
   *
   * @return the address of its first byte
   */
  public long address() {
    return address;
  }

  /**
   * How large it is.
   *
   * @return its bytes
   */
  public long size() {
    return size;
  }

  /**
   * The region as the host sees it, until its owner closes it. Asking for it makes closing dearer
   * by some 20 µs.
   *
   * @return all of its bytes
   * @throws UnsupportedOperationException when this is device memory
   * @throws IllegalStateException when it is closed
   */
  public synchronized MemorySegment segment() {
    if (kind() != MemoryKind.PINNED) {
      throw new UnsupportedOperationException(this + " is out of the host's reach");
    }
    requireOpen("looked into");
    View open = view;
    if (open == null) {
      open = new View();
      view = open;
    }
    return MemorySegment.ofAddress(address).reinterpret(size, open.arena, null);
  }

  /**
   * Keeps the memory from being released until {@link #drop} is called as often.
   *
   * @throws IllegalStateException when the region is closed
   */
  public void hold() {
    for (int now = holds; ; now = holds) {
      if ((now & CLOSED_BIT) != 0) {
        throw new IllegalStateException(this + " is closed and can no longer be used");
      }
      if (HOLDS.compareAndSet(this, now, now + HOLD)) {
        return;
      }
    }
  }

  /**
   * Ends one hold; the last one of a closed region releases its memory, on the calling thread.
   *
   * @throws IllegalStateException when nobody holds the region
   */
  public void drop() {
    for (int now = holds; ; now = holds) {
      if (now < HOLD) {
        throw new IllegalStateException(this + " is dropped more often than it was held");
      }
      if (HOLDS.compareAndSet(this, now, now - HOLD)) {
        if (now - HOLD == CLOSED_BIT) {
          pool.release(this);
        }
        return;
      }
    }
  }

  /**
   * What has become of it.
   *
   * @return the state at this moment
   */
  public State state() {
    int now = holds;
    return (now & CLOSED_BIT) == 0 ? State.OPEN : now == CLOSED_BIT ? State.RELEASED : State.CLOSED;
  }

  /**
   * Ends the region for its owner, and its {@link #segment} with it. Memory that nobody holds is
   * released at once. Closing again does nothing.
   *
   * @throws IllegalStateException when a native call of the host's uses the segment at this moment;
   *     the region stays open
   */
  @Override
  public synchronized void close() {
    if ((holds & CLOSED_BIT) != 0) {
      return;
    }
    if (view != null) {
      view.arena.close();
    }
    int before = (int) HOLDS.getAndAdd(this, CLOSED_BIT);
    if (before == 0) {
      pool.release(this);
    }
  }

  /**
   * Refuses bytes that are not in the region.
   *
   * @param offset where they begin
   * @param bytes how many they are
   * @throws IndexOutOfBoundsException naming both and the region's size
   */
  void requireWithin(long offset, long bytes) {
    if (offset < 0 || bytes < 0 || bytes > size - offset) {
      throw new IndexOutOfBoundsException(
          "%d bytes from offset %d on are not within %s".formatted(bytes, offset, this));
    }
  }

  private void requireOpen(String use) {
    if ((holds & CLOSED_BIT) != 0) {
      throw new IllegalStateException(this + " is closed and can no longer be " + use);
    }
  }

  /** What the host sees of a region lives until its owner closes it. */
  private static final class View {
    private final Arena arena = Arena.ofShared();
  }

  /** Its size, kind and owner. */
  @Override
  public String toString() {
    return "a region of %d bytes of the %s of %s".formatted(size, kind(), pool.path());
  }
}
