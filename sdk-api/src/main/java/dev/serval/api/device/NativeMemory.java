package dev.serval.api.device;

import dev.serval.api.Bytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * An owner of native memory, in a tree of owners (runtime ▸ model ▸ engine) under one budget.
 *
 * <p>What an owner holds is counted in every owner above it, and the root's limit bounds the whole.
 * Closing an owner closes those below it first, then frees its memory; segments are dead from then
 * on. Owners are safe for use by several threads; closing one while its memory is in use is the
 * caller's error and is met by an exception from the segment, not a crash.
 */
public final class NativeMemory implements AutoCloseable {
  private final String name;
  private final @Nullable NativeMemory parent;
  private final Bytes limit;
  private final Arena arena = Arena.ofShared();
  private final LargePages pages = new LargePages(arena);
  private final List<NativeMemory> children = new ArrayList<>();
  private long used;
  private boolean closed;

  private NativeMemory(String name, @Nullable NativeMemory parent, Bytes limit) {
    this.name = name;
    this.parent = parent;
    this.limit = limit;
  }

  /**
   * A root with a budget.
   *
   * @param name what owns the memory
   * @param limit how much may be held at any time, by all owners below
   * @return the root
   */
  public static NativeMemory root(String name, Bytes limit) {
    return new NativeMemory(name, null, limit);
  }

  /**
   * An owner below this one.
   *
   * @param childName what owns the memory
   * @return the new owner
   * @throws IllegalStateException when this owner is closed
   */
  public NativeMemory child(String childName) {
    synchronized (lock()) {
      requireOpen();
      NativeMemory child = new NativeMemory(childName, this, limit);
      children.add(child);
      return child;
    }
  }

  /**
   * Takes memory, zeroed, which lives until this owner is closed. The system may give it page by
   * page as it is first written, in huge pages where it has them.
   *
   * @param bytes how much
   * @param alignment a power of two
   * @return the memory
   * @throws OutOfNativeMemoryException when the budget, or the machine, does not have it
   * @throws IllegalStateException when this owner is closed
   */
  public MemorySegment allocate(long bytes, long alignment) {
    count(bytes);
    try {
      return pages(bytes, alignment).orElseGet(() -> arena.allocate(bytes, alignment));
    } catch (OutOfMemoryError e) {
      count(-bytes);
      throw new OutOfNativeMemoryException(path(), bytes, used(), limit, e);
    }
  }

  private Optional<MemorySegment> pages(long bytes, long alignment) {
    if (bytes < LargePages.LEAST) {
      return Optional.empty();
    }
    synchronized (lock()) {
      requireOpen();
      return pages.allocate(bytes, alignment);
    }
  }

  /**
   * Counts memory that is held by other means on this owner's behalf, such as a mapped file, until
   * this owner is closed.
   *
   * @param bytes how much
   * @throws OutOfNativeMemoryException when the budget does not have it
   */
  public void account(Bytes bytes) {
    count(bytes.count());
  }

  /**
   * The arena that dies with this owner, for what is bound to its life without being counted:
   * symbols, upcalls, mappings.
   *
   * @return the arena; never closed by the caller
   */
  public Arena arena() {
    return arena;
  }

  /**
   * What this owner and those below it hold.
   *
   * @return the amount at this moment
   */
  public Bytes used() {
    synchronized (lock()) {
      return Bytes.of(used);
    }
  }

  /**
   * The bound over the whole tree.
   *
   * @return the root's limit
   */
  public Bytes limit() {
    return limit;
  }

  /**
   * The names from the root down to this owner.
   *
   * @return the path, such as {@code runtime/demo/kv}
   */
  public String path() {
    return parent == null ? name : parent.path() + "/" + name;
  }

  /**
   * The owners directly below that are open.
   *
   * @return a copy of the list
   */
  public List<NativeMemory> children() {
    synchronized (lock()) {
      return List.copyOf(children);
    }
  }

  /**
   * The owner above.
   *
   * @return the parent, empty for the root
   */
  public Optional<NativeMemory> parent() {
    return Optional.ofNullable(parent);
  }

  /** Frees what this owner and those below it hold. Closing again does nothing. */
  @Override
  public void close() {
    for (NativeMemory child : children()) {
      child.close();
    }
    synchronized (lock()) {
      if (closed) {
        return;
      }
      closed = true;
      for (NativeMemory above = parent; above != null; above = above.parent) {
        above.used -= used;
      }
      used = 0;
      if (parent != null) {
        parent.children.remove(this);
      }
    }
    arena.close();
  }

  private void count(long bytes) {
    synchronized (lock()) {
      requireOpen();
      long all = root().used;
      if (bytes > limit.count() - all) {
        throw new OutOfNativeMemoryException(path(), bytes, Bytes.of(all), limit, null);
      }
      for (NativeMemory owner = this; owner != null; owner = owner.parent) {
        owner.used += bytes;
      }
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the native memory of " + path() + " is closed");
    }
  }

  private NativeMemory root() {
    NativeMemory owner = this;
    while (owner.parent != null) {
      owner = owner.parent;
    }
    return owner;
  }

  private Object lock() {
    return root().arena;
  }
}
