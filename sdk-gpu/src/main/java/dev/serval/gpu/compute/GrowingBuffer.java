package dev.serval.gpu.compute;

import dev.serval.api.gpu.Region;
import dev.serval.api.gpu.RegionPool;
import dev.serval.gpu.driver.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Room on the device that kernels use within a launch or from one to the next, as large as was ever
 * asked for. When it grows, records of launches that name its address are of no more use.
 */
final class GrowingBuffer {
  private final RegionPool owner;
  private final Stream stream;
  private final Runnable whenMoved;
  private @Nullable Region memory;
  private long address;
  private long bytes;

  /**
   * Without room yet.
   *
   * @param owner gives the memory
   * @param stream whose launches use it
   * @param whenMoved hears that the address is about to change
   */
  GrowingBuffer(RegionPool owner, Stream stream, Runnable whenMoved) {
    this.owner = owner;
    this.stream = stream;
    this.whenMoved = whenMoved;
  }

  /** The address of at least so many bytes: zeroed when they are new, else as they were left. */
  long atLeast(long needed) {
    if (needed > bytes) {
      grow(Math.max(needed, bytes + bytes / 2));
    }
    return address;
  }

  private void grow(long size) {
    whenMoved.run();
    Region old = memory;
    if (old != null) {
      stream.synchronize();
      memory = null;
      bytes = 0;
      old.close();
    }
    Region taken = owner.allocate(size);
    memory = taken;
    address = taken.address();
    bytes = size;
    stream.fill(address, (byte) 0, size);
  }
}
