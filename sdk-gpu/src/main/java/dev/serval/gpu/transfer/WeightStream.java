package dev.serval.gpu.transfer;

import dev.serval.api.gpu.Region;
import dev.serval.api.gpu.RegionPool;
import dev.serval.api.gpu.TransferBatch;
import dev.serval.api.gpu.TransferException;
import dev.serval.api.gpu.TransferPriority;
import dev.serval.api.gpu.TransferReport;
import dev.serval.api.gpu.TransferService;
import dev.serval.api.storage.StoredTensor;
import dev.serval.gpu.driver.DriverException;
import dev.serval.gpu.driver.Event;
import dev.serval.gpu.driver.Stream;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/**
 * Brings stored tensors to a device, some windows of its memory ahead of the kernels that lay them
 * out for good. Bytes come from the checkpoint's file where it says which, else from its mapping.
 *
 * <p>Pieces are asked for in order, and what is to be done with each is done in that order, on the
 * thread that asks, once it has arrived: while one is laid out the next are on their way, those of
 * the next tensor too. For one thread, attached to the context of its stream.
 */
public final class WeightStream implements AutoCloseable {
  /** What is done with a piece that has arrived. */
  @FunctionalInterface
  public interface Arrival {
    /**
     * Gives the stream what reads the piece, and waits for nothing.
     *
     * @param address where on the device the piece lies until the stream has come so far
     */
    void arrived(long address);
  }

  private final TransferService transfers;
  private final Stream stream;
  private final long windowBytes;
  private final ArrayDeque<Window> free = new ArrayDeque<>();
  private final ArrayDeque<Window> underWay = new ArrayDeque<>();
  private final List<Window> windows = new ArrayList<>();
  private final List<TransferReport> reports = new ArrayList<>();

  /**
   * Takes its memory.
   *
   * @param transfers bring the pieces
   * @param memory gives the windows
   * @param stream what is given to it reads the windows
   * @param count how many windows, at least 2
   * @param windowBytes how large each is: the most that a piece has
   */
  public WeightStream(
      TransferService transfers, RegionPool memory, Stream stream, int count, long windowBytes) {
    this.transfers = transfers;
    this.stream = stream;
    this.windowBytes = windowBytes;
    try {
      for (int i = 0; i < count; i++) {
        windows.add(new Window(memory.allocate(windowBytes), stream.context().restfulEvent()));
      }
    } catch (RuntimeException e) {
      close();
      throw e;
    }
    free.addAll(windows);
  }

  /** A window, what is brought there, and until when the stream reads it. */
  private static final class Window {
    private final Region region;
    private final Event read;
    private final TransferBatch batch = new TransferBatch(TransferPriority.URGENT);
    private Arrival arrival = address -> {};

    Window(Region region, Event read) {
      this.region = region;
      this.read = read;
    }
  }

  /**
   * The most bytes of a piece.
   *
   * @return the size of a window
   */
  public long windowBytes() {
    return windowBytes;
  }

  /**
   * Asks for a piece of a tensor. While there is no free window, waits for the oldest piece and has
   * done with it what is to be done.
   *
   * @param tensor the tensor, whose data and file stay until the stream has come so far
   * @param from where the piece begins
   * @param bytes how many, at most {@link #windowBytes}
   * @param arrival what is done when it has arrived
   * @throws TransferException when an earlier piece could not be brought
   */
  public void bring(StoredTensor tensor, long from, long bytes, Arrival arrival) {
    if (free.isEmpty()) {
      finishOldest();
    }
    Window window = free.element();
    window.read.await();
    window.arrival = arrival;
    TransferBatch batch = window.batch.clear();
    if (tensor.file().isPresent()) {
      batch.read(tensor.file().get().slice(from, bytes), window.region, 0);
    } else {
      batch.store(tensor.data().asSlice(from, bytes), window.region, 0);
    }
    transfers.submit(batch);
    underWay.add(free.remove());
  }

  private void finishOldest() {
    Window window = underWay.remove();
    free.add(window);
    await(window.batch);
    reports.addAll(window.batch.reports());
    window.arrival.arrived(window.region.address());
    stream.record(window.read);
  }

  private static void await(TransferBatch batch) {
    try {
      batch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new TransferException("the thread was interrupted while it waited for weights", e);
    }
  }

  /**
   * Waits for all pieces and has done with them what is to be done.
   *
   * @throws TransferException when one could not be brought
   */
  public void finish() {
    while (!underWay.isEmpty()) {
      finishOldest();
    }
  }

  /**
   * What the pieces cost that have arrived.
   *
   * @return a report for each way that they went, wall times added up as if none had overlapped
   */
  public List<TransferReport> reports() {
    return TransferReport.totals(reports);
  }

  /** Cancels what is under way, waits for what the stream reads, and gives the windows back. */
  @Override
  public void close() {
    underWay.forEach(window -> transfers.cancel(window.batch));
    underWay.clear();
    free.clear();
    for (Window window : windows) {
      awaitRead(window);
      window.region.close();
      window.read.close();
    }
    windows.clear();
  }

  /** A device that is lost reads nothing any more. */
  private static void awaitRead(Window window) {
    try {
      window.read.await();
    } catch (DriverException e) {
      if (window.read.context().lost().isEmpty()) {
        throw e;
      }
    }
  }
}
