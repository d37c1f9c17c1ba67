package dev.serval.api.gpu;

import dev.serval.api.Bytes;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.device.OutOfNativeMemoryException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * An owner of device memory or of pinned host memory, in a tree of owners (device ▸ model ▸ engine)
 * under one budget: what {@link NativeMemory} is to other memory of the host.
 *
 * <p>What an owner has is counted in every owner above it, from the moment it is taken until it is
 * truly released, and the root's limit bounds the whole. Closing an owner closes those below it and
 * all of their regions; what a transfer still uses is released when that ends, and the source of
 * the memory is closed after the last release. Safe for use by several threads.
 */
public final class RegionPool implements AutoCloseable {
  private final String name;
  private final @Nullable RegionPool parent;
  private final Bytes limit;
  private final RegionSource source;
  private final List<RegionPool> children = new ArrayList<>();
  private final Set<Region> regions = new HashSet<>();
  private long used;
  private boolean closed;
  private boolean sourceClosed;

  private RegionPool(String name, @Nullable RegionPool parent, Bytes limit, RegionSource source) {
    this.name = name;
    this.parent = parent;
    this.limit = limit;
    this.source = source;
  }

  /**
   * A root with a budget.
   *
   * @param name what owns the memory, such as a device's id
   * @param limit how much may be held at any time, by all owners below
   * @param source gives the memory; the root's from now on
   * @return the root
   */
  public static RegionPool root(String name, Bytes limit, RegionSource source) {
    return new RegionPool(name, null, limit, source);
  }

  /**
   * An owner below this one.
   *
   * @param childName what owns the memory
   * @return the new owner
   * @throws IllegalStateException when this owner is closed
   */
  public RegionPool child(String childName) {
    synchronized (lock()) {
      requireOpen();
      RegionPool child = new RegionPool(childName, this, limit, source);
      children.add(child);
      return child;
    }
  }

  /**
   * Takes memory; what it holds is not defined.
   *
   * @param bytes how much, at least 1
   * @return a region, open until it or its owner is closed
   * @throws OutOfNativeMemoryException when the budget, or the device, does not have it
   * @throws IllegalStateException when this owner is closed
   */
  public Region allocate(long bytes) {
    if (bytes < 1) {
      throw new IllegalArgumentException("a region has at least 1 byte, not " + bytes);
    }
    count(bytes);
    long address = 0;
    try {
      address = source.allocate(bytes);
    } finally {
      if (address == 0) {
        uncount(bytes);
      }
    }
    if (address == 0) {
      throw new OutOfNativeMemoryException(
          path(), kind().toString(), Bytes.of(bytes), used(), limit, ", and there is no more");
    }
    return registered(new Region(this, address, bytes));
  }

  private Region registered(Region region) {
    boolean open;
    synchronized (lock()) {
      regions.add(region);
      open = !closed;
    }
    if (!open) {
      region.close();
      requireOpen();
    }
    return region;
  }

  /** The last holder of a closed region is gone. */
  void release(Region region) {
    source.release(region.address(), region.size());
    synchronized (lock()) {
      regions.remove(region);
    }
    uncount(region.size());
  }

  private void closeSourceIfDone() {
    RegionPool root = root();
    synchronized (lock()) {
      if (!root.closed || root.used > 0 || root.sourceClosed) {
        return;
      }
      root.sourceClosed = true;
    }
    source.close();
  }

  /**
   * The kind of memory that is lent here.
   *
   * @return the source's kind
   */
  public MemoryKind kind() {
    return source.kind();
  }

  /**
   * What this owner and those below it have: what is in use by transfers is counted until they end,
   * closed or not.
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
   * @return the path, such as {@code gpu:0/demo/kv}
   */
  public String path() {
    return parent == null ? name : parent.path() + "/" + name;
  }

  /**
   * The owners directly below that are open.
   *
   * @return a copy of the list
   */
  public List<RegionPool> children() {
    synchronized (lock()) {
      return List.copyOf(children);
    }
  }

  /**
   * The owner above.
   *
   * @return the parent, empty for the root
   */
  public Optional<RegionPool> parent() {
    return Optional.ofNullable(parent);
  }

  /**
   * Closes the owners below and all regions. Closing again does nothing, or what could not be done
   * before.
   *
   * @throws IllegalStateException when the host uses a region's segment in a native call at this
   *     moment; everything else is closed
   */
  @Override
  public void close() {
    List<AutoCloseable> open = new ArrayList<>(children());
    synchronized (lock()) {
      closed = true;
      open.addAll(regions);
    }
    IllegalStateException failure = null;
    for (AutoCloseable part : open) {
      failure = closed(part, failure);
    }
    if (failure != null) {
      throw failure;
    }
    synchronized (lock()) {
      if (parent != null) {
        parent.children.remove(this);
      }
    }
    closeSourceIfDone();
  }

  private static @Nullable IllegalStateException closed(
      AutoCloseable part, @Nullable IllegalStateException failure) {
    try {
      switch (part) {
        case RegionPool pool -> pool.close();
        case Region region -> region.close();
        default -> throw new AssertionError(part + " is neither owner nor region");
      }
      return failure;
    } catch (IllegalStateException e) {
      if (failure == null) {
        return e;
      }
      failure.addSuppressed(e);
      return failure;
    }
  }

  private void count(long bytes) {
    synchronized (lock()) {
      requireOpen();
      long all = root().used;
      if (bytes > limit.count() - all) {
        throw new OutOfNativeMemoryException(
            path(), kind().toString(), Bytes.of(bytes), Bytes.of(all), limit, "");
      }
      add(bytes);
    }
  }

  private void uncount(long bytes) {
    synchronized (lock()) {
      add(-bytes);
    }
    closeSourceIfDone();
  }

  private void add(long bytes) {
    for (RegionPool owner = this; owner != null; owner = owner.parent) {
      owner.used += bytes;
    }
  }

  private void requireOpen() {
    synchronized (lock()) {
      if (closed) {
        throw new IllegalStateException("the %s of %s is closed".formatted(kind(), path()));
      }
    }
  }

  private RegionPool root() {
    RegionPool owner = this;
    while (owner.parent != null) {
      owner = owner.parent;
    }
    return owner;
  }

  private Object lock() {
    return root().regions;
  }
}
