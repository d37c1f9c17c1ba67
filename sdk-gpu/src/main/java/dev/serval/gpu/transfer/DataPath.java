package dev.serval.gpu.transfer;

import dev.serval.api.Bytes;
import dev.serval.api.gpu.MemoryKind;
import dev.serval.api.gpu.RegionPool;
import dev.serval.api.gpu.RegionSource;
import dev.serval.api.gpu.TransferService;
import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.CudaDevice;
import dev.serval.gpu.file.CuFileSearch;
import dev.serval.gpu.memory.DeviceSource;
import dev.serval.gpu.memory.PinnedSource;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A device's memory, pinned memory for it, and the transfers between them, which begin when they
 * are first asked for.
 *
 * <p>It has a hold on the device's context, which ends after the last region was released: whatever
 * is closed first, what is in use stays.
 */
public final class DataPath implements AutoCloseable {
  private static final Bytes CHUNK = Bytes.mebi(64);

  private final Context context;
  private final CopyDevice copies;
  private final TransferOptions options;
  private final CuFileSearch.Outcome files;
  private final DeviceSource deviceSource;
  private final PinnedSource pinnedSource;
  private final RegionPool deviceMemory;
  private final RegionPool pinnedMemory;
  private @Nullable TransferService transfers;
  private boolean closed;

  private DataPath(
      String id,
      Context context,
      Limits limits,
      boolean inBatches,
      TransferOptions options,
      CuFileSearch.Outcome files) {
    this.context = context;
    this.options = options;
    this.files = files;
    copies = new CudaCopyDevice(id, context, inBatches);
    deviceSource = new DeviceSource(context);
    pinnedSource = new PinnedSource(context, CHUNK);
    AtomicInteger open = new AtomicInteger(2);
    deviceMemory = RegionPool.root(id, limits.device(), new Owned(deviceSource, context, open));
    pinnedMemory = RegionPool.root(id, limits.pinned(), new Owned(pinnedSource, context, open));
  }

  /**
   * Opens a device's data path, with a hold of its own on the device's context.
   *
   * @param id the device's id, such as {@code gpu:0}
   * @param device the device
   * @param limits how much memory may be taken
   * @param inBatches whether the driver takes many copies by one call
   * @param options how transfers are carried out
   * @param files whether files can go straight to the device
   * @return the data path, which the caller closes
   */
  public static DataPath open(
      String id,
      CudaDevice device,
      Limits limits,
      boolean inBatches,
      TransferOptions options,
      CuFileSearch.Outcome files) {
    return of(id, device.context(), limits, inBatches, options, files);
  }

  /**
   * Opens a device's data path in a context, which it takes over, even if it cannot be opened.
   *
   * @param id the device's id, such as {@code gpu:0}
   * @param context the device's context, closed by nobody else
   * @param limits how much memory may be taken
   * @param inBatches whether the driver takes many copies by one call
   * @param options how transfers are carried out
   * @param files whether files can go straight to the device
   * @return the data path, which the caller closes
   */
  public static DataPath of(
      String id,
      Context context,
      Limits limits,
      boolean inBatches,
      TransferOptions options,
      CuFileSearch.Outcome files) {
    try {
      return new DataPath(id, context, limits, inBatches, options, files);
    } catch (RuntimeException | Error e) {
      context.close();
      throw e;
    }
  }

  /**
   * How much memory may be taken.
   *
   * @param device of the device
   * @param pinned of the host, the transfers' own slabs included
   */
  public record Limits(Bytes device, Bytes pinned) {}

  /**
   * The device's context.
   *
   * @return the context, closed after the last region
   */
  public Context context() {
    return context;
  }

  /**
   * The device's memory.
   *
   * @return the root of its owners
   */
  public RegionPool deviceMemory() {
    return deviceMemory;
  }

  /**
   * The host's memory that the device reaches.
   *
   * @return the root of its owners
   */
  public RegionPool pinnedMemory() {
    return pinnedMemory;
  }

  /**
   * The transfers, whose threads and slabs are taken now if they are not there.
   *
   * @return the service, which is closed with this, and by {@link #rest}
   */
  public synchronized TransferService transfers() {
    if (closed) {
      throw new IllegalStateException("the data path of " + copies.id() + " is closed");
    }
    TransferService open = transfers;
    if (open == null) {
      DirectFiles direct = DirectFiles.open(files, context, options.pinned().count());
      open = transfers(direct);
      transfers = open;
    }
    return open;
  }

  private TransferService transfers(DirectFiles direct) {
    try {
      return new DeviceTransfers(copies, pinnedMemory, options, direct);
    } catch (RuntimeException | Error e) {
      direct.close();
      throw e;
    }
  }

  /**
   * What there is.
   *
   * @return a sentence each
   */
  public List<String> describe() {
    return DeviceTransfers.ways(copies, options, files.finding());
  }

  /**
   * Ends the transfers until they are asked for again, and gives back to device and system what of
   * their memory is not in use.
   */
  public void rest() {
    endTransfers();
    pinnedSource.trim();
    deviceSource.trim();
  }

  private synchronized void endTransfers() {
    TransferService open = transfers;
    transfers = null;
    if (open != null) {
      open.close();
    }
  }

  /** Ends the transfers, then closes all regions. Closing again does nothing. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
    }
    endTransfers();
    pinnedMemory.close();
    deviceMemory.close();
  }

  /** A source of memory, the last of which to close lets go of the device. */
  private record Owned(RegionSource source, Context context, AtomicInteger sources)
      implements RegionSource {
    @Override
    public MemoryKind kind() {
      return source.kind();
    }

    @Override
    public long allocate(long bytes) {
      return source.allocate(bytes);
    }

    @Override
    public void release(long address, long bytes) {
      source.release(address, bytes);
    }

    @Override
    public void close() {
      source.close();
      if (sources.decrementAndGet() == 0) {
        context.close();
      }
    }
  }
}
