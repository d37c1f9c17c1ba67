package dev.serval.gpu.transfer;

import dev.serval.api.Bytes;
import dev.serval.api.gpu.MemoryKind;
import dev.serval.api.gpu.RegionPool;
import dev.serval.api.gpu.RegionSource;
import dev.serval.api.gpu.TransferService;
import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.CudaDevice;
import dev.serval.gpu.memory.DeviceSource;
import dev.serval.gpu.memory.PinnedSource;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A device's memory, pinned memory for it, and the transfers between them.
 *
 * <p>It has a hold of its own on the device's context, which ends after the last region was
 * released: whatever is closed first, what is in use stays.
 */
public final class DataPath implements AutoCloseable {
  private static final Bytes CHUNK = Bytes.mebi(64);

  private final RegionPool deviceMemory;
  private final RegionPool pinnedMemory;
  private final TransferService transfers;

  private DataPath(RegionPool deviceMemory, RegionPool pinnedMemory, TransferService transfers) {
    this.deviceMemory = deviceMemory;
    this.pinnedMemory = pinnedMemory;
    this.transfers = transfers;
  }

  /**
   * Opens a device's data path.
   *
   * @param id the device's id, such as {@code gpu:0}
   * @param device the device
   * @param limits how much memory may be taken
   * @param inBatches whether the driver takes many copies by one call
   * @param options how transfers are carried out
   * @return the data path, which the caller closes
   */
  public static DataPath open(
      String id, CudaDevice device, Limits limits, boolean inBatches, TransferOptions options) {
    Context context = device.context();
    try {
      return open(id, context, limits, new CudaCopyDevice(id, context, inBatches), options);
    } catch (RuntimeException e) {
      context.close();
      throw e;
    }
  }

  private static DataPath open(
      String id, Context context, Limits limits, CopyDevice copies, TransferOptions options) {
    AtomicInteger open = new AtomicInteger(2);
    RegionSource device = new Owned(new DeviceSource(context), context, open);
    RegionSource host = new Owned(new PinnedSource(context, CHUNK), context, open);
    RegionPool pinned = RegionPool.root(id, limits.pinned(), host);
    TransferService transfers = new DeviceTransfers(copies, pinned, options);
    return new DataPath(RegionPool.root(id, limits.device(), device), pinned, transfers);
  }

  /**
   * How much memory may be taken.
   *
   * @param device of the device
   * @param pinned of the host, the transfers' own slabs included
   */
  public record Limits(Bytes device, Bytes pinned) {}

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
   * The transfers.
   *
   * @return the service, which is closed with this
   */
  public TransferService transfers() {
    return transfers;
  }

  /**
   * What there is.
   *
   * @return a sentence each
   */
  public List<String> describe() {
    return transfers.describe();
  }

  /** Ends the transfers, then closes all regions. Closing again does nothing. */
  @Override
  public void close() {
    transfers.close();
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
