package dev.serval.gpu.memory;

import dev.serval.api.Bytes;
import dev.serval.api.gpu.MemoryKind;
import dev.serval.api.gpu.RegionSource;
import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.DriverException;
import dev.serval.gpu.driver.HostMemory;
import dev.serval.gpu.driver.OutOfDeviceMemoryException;
import java.util.ArrayList;
import java.util.List;

/**
 * Pinned memory of the host, in large chunks that are taken from the driver once and kept, as
 * pinning is slow. Regions are cut from chunks, at the first place that fits; what is larger than a
 * chunk has one of its own.
 */
public final class PinnedSource implements RegionSource {
  private static final long PAGE = 4096;

  private final Context context;
  private final long chunkBytes;
  private final List<Chunk> chunks = new ArrayList<>();

  /**
   * Begins with nothing.
   *
   * @param context the device's context, which is closed after this
   * @param chunk how much is taken at once
   */
  public PinnedSource(Context context, Bytes chunk) {
    this.context = context;
    this.chunkBytes = padded(chunk.count());
  }

  /** A piece of the driver's memory, and what of it is free. */
  private record Chunk(HostMemory memory, long begin, long bytes, FreeRanges free) {
    boolean has(long address) {
      return address >= begin && address < begin + bytes;
    }

    boolean unused() {
      return free.size() == bytes;
    }
  }

  private static long padded(long bytes) {
    return Math.ceilDiv(bytes, PAGE) * PAGE;
  }

  @Override
  public MemoryKind kind() {
    return MemoryKind.PINNED;
  }

  @Override
  public synchronized long allocate(long bytes) {
    long size = padded(bytes);
    for (Chunk chunk : chunks) {
      long offset = chunk.free().take(size);
      if (offset >= 0) {
        return chunk.begin() + offset;
      }
    }
    try {
      return cut(chunk(Math.max(size, chunkBytes)), size);
    } catch (OutOfDeviceMemoryException e) {
      return 0;
    }
  }

  private Chunk chunk(long bytes) {
    HostMemory memory = context.allocateHost(bytes);
    Chunk chunk = new Chunk(memory, memory.segment().address(), bytes, new FreeRanges(bytes));
    chunks.add(chunk);
    return chunk;
  }

  private static long cut(Chunk chunk, long size) {
    return chunk.begin() + chunk.free().take(size);
  }

  @Override
  public synchronized void release(long address, long bytes) {
    for (Chunk chunk : chunks) {
      if (chunk.has(address)) {
        chunk.free().give(address - chunk.begin(), padded(bytes));
        return;
      }
    }
    throw new IllegalArgumentException("no chunk has the address " + Long.toHexString(address));
  }

  /** Gives the system back the chunks of which nothing is in use. */
  public synchronized void trim() {
    closeAll(chunks.stream().filter(Chunk::unused).toList());
  }

  @Override
  public synchronized void close() {
    closeAll(List.copyOf(chunks));
  }

  private void closeAll(List<Chunk> some) {
    for (Chunk chunk : some) {
      chunks.remove(chunk);
      try {
        chunk.memory().close();
      } catch (DriverException e) {
        if (context.lost().isEmpty()) {
          throw e;
        }
      }
    }
  }
}
