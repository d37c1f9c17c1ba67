package dev.serval.gpu.transfer;

import dev.serval.api.gpu.MemoryKind;
import dev.serval.api.gpu.RegionSource;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * Memory of this process that knows at every address whether it is lent. What is given back is
 * poisoned, and is not lent again for a while.
 */
final class WatchedMemory {
  private static final byte POISON = (byte) 0xDD;
  private static final int QUARANTINE = 200;

  private final Arena arena = Arena.ofShared();
  private final NavigableMap<Long, Long> lent = new TreeMap<>();
  private final NavigableMap<Long, ArrayDeque<Long>> free = new TreeMap<>();
  private final ArrayDeque<long[]> quarantine = new ArrayDeque<>();

  /** A source of one kind of it. */
  RegionSource source(MemoryKind kind) {
    return new RegionSource() {
      @Override
      public MemoryKind kind() {
        return kind;
      }

      @Override
      public long allocate(long bytes) {
        return lend(bytes);
      }

      @Override
      public void release(long address, long bytes) {
        giveBack(address, bytes);
      }

      @Override
      public void close() {}
    };
  }

  private static long rounded(long bytes) {
    return Math.max(4096, Long.highestOneBit(bytes - 1) << 1);
  }

  private synchronized long lend(long bytes) {
    long size = rounded(bytes);
    ArrayDeque<Long> ready = free.get(size);
    long address =
        ready == null || ready.isEmpty() ? arena.allocate(size, 4096).address() : ready.remove();
    lent.put(address, bytes);
    return address;
  }

  private synchronized void giveBack(long address, long bytes) {
    Long size = lent.remove(address);
    if (size == null || size != bytes) {
      throw new AssertionError("%d bytes at %x are not lent".formatted(bytes, address));
    }
    at(address, bytes).fill(POISON);
    quarantine.add(new long[] {address, rounded(bytes)});
    if (quarantine.size() > QUARANTINE) {
      long[] oldest = quarantine.remove();
      free.computeIfAbsent(oldest[1], size2 -> new ArrayDeque<>()).add(oldest[0]);
    }
  }

  static MemorySegment at(long address, long bytes) {
    return MemorySegment.ofAddress(address).reinterpret(bytes);
  }

  /** Whether all of these bytes are lent, by one loan. */
  synchronized boolean isLent(long address, long bytes) {
    Map.Entry<Long, Long> loan = lent.floorEntry(address);
    return loan != null && address + bytes <= loan.getKey() + loan.getValue();
  }

  void close() {
    arena.close();
  }
}
