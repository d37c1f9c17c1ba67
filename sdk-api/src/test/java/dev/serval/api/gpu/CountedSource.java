package dev.serval.api.gpu;

import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.Map;

/** Memory of this process in place of a device's, which notes what is taken and given back. */
final class CountedSource implements RegionSource {
  private final Arena arena = Arena.ofAuto();
  private final MemoryKind kind;
  private final long most;
  private final Map<Long, Long> taken = new HashMap<>();
  private int releases;
  private int closes;

  CountedSource(MemoryKind kind, long most) {
    this.kind = kind;
    this.most = most;
  }

  @Override
  public MemoryKind kind() {
    return kind;
  }

  @Override
  public synchronized long allocate(long bytes) {
    if (closes > 0) {
      throw new AssertionError("taken from a source that is closed");
    }
    long all = taken.values().stream().mapToLong(Long::longValue).sum();
    if (all + bytes > most) {
      return 0;
    }
    long address = arena.allocate(bytes, 4096).address();
    taken.put(address, bytes);
    return address;
  }

  @Override
  public synchronized void release(long address, long bytes) {
    Long size = taken.remove(address);
    if (size == null || size != bytes || closes > 0) {
      throw new AssertionError(
          "%d bytes at %d are not there to be given back".formatted(bytes, address));
    }
    releases++;
  }

  @Override
  public synchronized void close() {
    closes++;
  }

  synchronized int regions() {
    return taken.size();
  }

  synchronized int releases() {
    return releases;
  }

  synchronized int closes() {
    return closes;
  }
}
