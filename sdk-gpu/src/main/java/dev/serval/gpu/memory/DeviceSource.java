package dev.serval.gpu.memory;

import dev.serval.api.gpu.MemoryKind;
import dev.serval.api.gpu.RegionSource;
import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.DriverException;
import dev.serval.gpu.driver.MemoryPool;
import dev.serval.gpu.driver.OutOfDeviceMemoryException;
import dev.serval.gpu.driver.Stream;

/**
 * Device memory from a pool of the driver's, in the order of one stream of its own: what is given
 * back can be taken again at once, without the device standing still as it does when memory is
 * freed otherwise.
 */
public final class DeviceSource implements RegionSource {
  private final Context context;
  private final Stream stream;
  private final MemoryPool pool;

  /**
   * Begins with nothing.
   *
   * @param context the device's context, which is closed after this
   */
  public DeviceSource(Context context) {
    this.context = context;
    stream = context.stream();
    pool = context.pool(0);
  }

  @Override
  public MemoryKind kind() {
    return MemoryKind.DEVICE;
  }

  @Override
  public synchronized long allocate(long bytes) {
    long[] address = {0};
    try {
      context.attached(() -> address[0] = taken(bytes));
    } catch (OutOfDeviceMemoryException e) {
      return 0;
    }
    return address[0];
  }

  private long taken(long bytes) {
    long address = pool.allocate(bytes, stream);
    try {
      stream.synchronize();
      return address;
    } catch (DriverException e) {
      unlessLost(() -> pool.free(address, stream));
      throw e;
    }
  }

  @Override
  public synchronized void release(long address, long bytes) {
    unlessLost(() -> context.attached(() -> pool.free(address, stream)));
  }

  @Override
  public synchronized void close() {
    unlessLost(stream::close);
    unlessLost(pool::close);
  }

  /** Gives the device back what is not in use, for others than this. */
  public synchronized void trim() {
    unlessLost(() ->
        context.attached(() -> {
          stream.synchronize();
          pool.trim(0);
        }));
  }

  /** A device that is lost has no memory to give back. */
  private void unlessLost(Runnable work) {
    try {
      work.run();
    } catch (DriverException e) {
      if (context.lost().isEmpty()) {
        throw e;
      }
    }
  }
}
