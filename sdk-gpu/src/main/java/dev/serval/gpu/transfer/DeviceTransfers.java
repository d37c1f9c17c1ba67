package dev.serval.gpu.transfer;

import dev.serval.api.gpu.Region;
import dev.serval.api.gpu.RegionPool;
import dev.serval.api.gpu.TransferBatch;
import dev.serval.api.gpu.TransferPriority;
import dev.serval.api.gpu.TransferService;
import java.util.ArrayList;
import java.util.List;

/**
 * The transfers of one device.
 *
 * <p>Copies between regions go through four lanes: two directions, two priorities, a stream and a
 * thread each. Files and other memory of the host go through readers, each with a stream, a thread
 * and pinned slabs. A batch has a share in each lane that has work of its, and one with the
 * readers; the last share that ends, ends the batch.
 */
public final class DeviceTransfers implements TransferService {
  static final String TO_DEVICE = "to the device";
  static final String TO_HOST = "to the host";

  private static final List<String> DIRECTIONS = List.of(TO_DEVICE, TO_HOST);
  private static final int URGENT_GROUPS = 4;
  private static final int BACKGROUND_GROUPS = 2;

  private final CopyDevice device;
  private final TransferOptions options;
  private final Region slabs;
  private final DirectFiles direct;
  private final PieceQueue pieces;
  private final List<CopyLane> lanes = new ArrayList<>();
  private final List<Thread> threads = new ArrayList<>();
  private boolean closed;
  private boolean ended;

  /**
   * Takes its pinned memory and begins; files go through that.
   *
   * @param device what copies
   * @param pinned gives the memory of the readers' slabs
   * @param options how transfers are carried out
   */
  public DeviceTransfers(CopyDevice device, RegionPool pinned, TransferOptions options) {
    this(device, pinned, options, DirectFiles.none("files do not go straight to " + device.id()));
  }

  /**
   * Takes its pinned memory and begins.
   *
   * @param direct the way of files straight to the device, closed with this
   */
  DeviceTransfers(
      CopyDevice device, RegionPool pinned, TransferOptions options, DirectFiles direct) {
    this.device = device;
    this.options = options;
    this.direct = direct;
    pieces = new PieceQueue(options);
    slabs = pinned.allocate(options.pinned().count());
    slabs.hold();
    boolean begun = false;
    try {
      begin();
      begun = true;
    } finally {
      if (!begun) {
        close();
      }
    }
  }

  private void begin() {
    for (TransferPriority priority : TransferPriority.values()) {
      for (String direction : DIRECTIONS) {
        CopyLane lane = lane(direction, priority);
        lanes.add(lane);
        start(direction.replace(' ', '-') + (urgent(priority) ? "-urgent" : ""), lane);
      }
    }
    for (int i = 0; i < options.readers(); i++) {
      CopyStream stream = device.stream(TransferPriority.URGENT);
      long first = (long) i * options.slabs();
      start("reader-" + i, new Reader(pieces, options, stream, direct, slabs.address(), first));
    }
  }

  private CopyLane lane(String direction, TransferPriority priority) {
    long piece = (urgent(priority) ? options.urgentPiece() : options.backgroundPiece()).count();
    int groups = urgent(priority) ? URGENT_GROUPS : BACKGROUND_GROUPS;
    return new CopyLane(direction, device.stream(priority), piece, groups);
  }

  private static boolean urgent(TransferPriority priority) {
    return priority == TransferPriority.URGENT;
  }

  private void start(String name, Runnable work) {
    threads.add(
        Thread.ofPlatform().daemon().name("serval-" + device.id() + "-" + name).start(work));
  }

  @Override
  public void submit(TransferBatch batch) {
    synchronized (lanes) {
      if (closed) {
        throw new IllegalStateException("the transfers of " + device.id() + " are closed");
      }
      boolean in = has(batch, TO_DEVICE);
      boolean out = has(batch, TO_HOST);
      boolean staged = has(batch, "");
      // One share is the submission's own: no batch ends before all have theirs.
      batch.queue(1 + (in ? 1 : 0) + (out ? 1 : 0) + (staged ? 1 : 0));
      if (in) {
        lane(batch, TO_DEVICE).add(batch);
      }
      if (out) {
        lane(batch, TO_HOST).add(batch);
      }
      if (staged) {
        pieces.add(batch);
      }
    }
    batch.end();
  }

  private static boolean has(TransferBatch batch, String direction) {
    for (int i = 0; i < batch.size(); i++) {
      if (CopyLane.direction(batch.transfer(i)).equals(direction)) {
        return true;
      }
    }
    return false;
  }

  private CopyLane lane(TransferBatch batch, String direction) {
    int first = urgent(batch.priority()) ? 0 : DIRECTIONS.size();
    return lanes.get(first + DIRECTIONS.indexOf(direction));
  }

  @Override
  public void cancel(TransferBatch batch) {
    int shares = 0;
    synchronized (lanes) {
      if (batch.stop()) {
        shares += lane(batch, TO_DEVICE).remove(batch) ? 1 : 0;
        shares += lane(batch, TO_HOST).remove(batch) ? 1 : 0;
        shares += pieces.remove(batch) ? 1 : 0;
      }
    }
    for (int i = 0; i < shares; i++) {
      batch.end();
    }
  }

  @Override
  public List<String> describe() {
    return ways(device, options, direct.words());
  }

  /** The ways that transfers of a device go, whether or not they have begun. */
  static List<String> ways(CopyDevice device, TransferOptions options, String direct) {
    String past =
        options.pastPageCache() ? "past the page cache where it can be" : "through the page cache";
    return List.of(
        device.describe(),
        "files are read %s, by %d threads with %s of pinned memory"
            .formatted(past, options.readers(), options.pinned()),
        direct);
  }

  @Override
  public void close() {
    synchronized (lanes) {
      closed = true;
    }
    lanes.forEach(CopyLane::close);
    pieces.close();
    boolean interrupted = false;
    for (Thread thread : threads) {
      interrupted |= join(thread);
    }
    release();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void release() {
    synchronized (lanes) {
      if (ended) {
        return;
      }
      ended = true;
    }
    slabs.close();
    slabs.drop();
    direct.close();
  }

  private static boolean join(Thread thread) {
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    return interrupted;
  }
}
