package dev.serval.gpu.transfer;

import dev.serval.api.gpu.MemoryKind;
import dev.serval.api.gpu.Transfer;
import dev.serval.api.gpu.TransferException;
import dev.serval.api.gpu.TransferPath;
import dev.serval.api.storage.FileRange;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * A thread that brings pieces of files and of other memory of the host to regions, and from regions
 * to other memory of the host, through a few slabs of its own, in pinned memory or, for files that
 * the drive can write straight to the device, there: while the device copies from one, the next is
 * read into. Nothing is handed to another thread on the way; several readers side by side keep the
 * drive busy.
 *
 * <p>What always holds: a slab that is used again, a piece that has ended, and a thread that has
 * ended have been waited for, so the device touches neither. A piece whose copy could not be asked
 * for, or waited for, ends after the stream has been drained.
 */
final class Reader implements Runnable {
  private static final int MOST_FILES = 8;
  private static final String COPIED_ON_DEVICE = "the device copies them once more";

  private final PieceQueue queue;
  private final TransferOptions options;
  private final CopyStream stream;
  private final DirectFiles direct;
  private final List<Slab> slabs;
  private final SystemCalls system = new SystemCalls();
  private final List<OpenFile> files = new ArrayList<>();

  /**
   * How many slabs were taken and given back since the beginning; between them are those in use.
   */
  private long taken;

  private long returned;

  Reader(
      PieceQueue queue,
      TransferOptions options,
      CopyStream stream,
      DirectFiles direct,
      long address,
      long firstSlab) {
    this.queue = queue;
    this.options = options;
    this.stream = stream;
    this.direct = direct;
    long size = options.slab().count();
    slabs = new ArrayList<>();
    for (int i = 0; i < options.slabs(); i++) {
      long onDevice = direct.address() == 0 ? 0 : direct.address() + (firstSlab + i) * size;
      slabs.add(new Slab(address + (firstSlab + i) * size, onDevice, size, stream.mark()));
    }
  }

  @Override
  public void run() {
    attach();
    do {
      work();
    } while (queue.await());
    stream.drain();
    stream.close();
  }

  /** A device that cannot be attached to fails the copies that are asked for. */
  private void attach() {
    try {
      stream.attach();
    } catch (RuntimeException | Error e) {
      stream.drain();
    }
  }

  private void work() {
    while (true) {
      finishReached();
      if (taken - returned == slabs.size()) {
        finishOldest();
      }
      Slab slab = slab(taken);
      if (queue.take(slab.piece())) {
        move(slab);
      } else if (taken > returned) {
        finishOldest();
      } else {
        break;
      }
    }
    files.forEach(OpenFile::close);
    files.clear();
  }

  private Slab slab(long number) {
    return slabs.get((int) (number % slabs.size()));
  }

  /** Begins a piece. Either it is under way in its slab afterwards, or it has ended. */
  private void move(Slab slab) {
    long before = system.threadNanos();
    Piece piece = slab.piece();
    boolean underWay = false;
    try {
      underWay =
          switch (piece.transfer().kind()) {
            case FILE_TO_REGION -> read(slab, piece, before);
            case MEMORY_TO_REGION -> store(slab, piece, before);
            case REGION_TO_MEMORY -> fetch(slab, piece, before);
            case REGION_TO_REGION -> throw new AssertionError("no reader copies between regions");
          };
    } catch (RuntimeException | Error e) {
      stream.drain();
      piece.batch().fail(failure(piece, e));
    }
    if (underWay) {
      taken++;
    } else {
      end(piece);
    }
  }

  private static void end(Piece piece) {
    var batch = piece.batch();
    piece.forget();
    batch.end();
  }

  private boolean read(Slab slab, Piece piece, long before) {
    FileRange range = piece.transfer().file();
    OpenFile file = file(range);
    long begin = range.offset() + piece.offset();
    long target = piece.transfer().targetAddress() + piece.offset();
    boolean pinned = piece.transfer().target().kind() == MemoryKind.PINNED;
    if (pinned && (!file.pastPageCache() || aligned(begin | target | piece.bytes()))) {
      file.read(target, begin, piece.bytes(), piece.bytes());
      readMoved(piece, file, 0, before);
      return false;
    }
    if (!pinned && readDirect(slab, piece, file, before)) {
      return true;
    }
    int skew = file.pastPageCache() ? (int) (begin & (TransferOptions.PAGE - 1)) : 0;
    long needed = skew + piece.bytes();
    long length =
        file.pastPageCache() ? (needed + TransferOptions.PAGE - 1) & -TransferOptions.PAGE : needed;
    file.read(slab.address(), begin - skew, needed, length);
    if (pinned) {
      MemorySegment.copy(slab.memory(), skew, at(target, piece.bytes()), 0, piece.bytes());
      readMoved(piece, file, 1, before);
      return false;
    }
    copy(slab, target, slab.address() + skew, piece.bytes(), false);
    readMoved(piece, file, 1, before);
    return true;
  }

  /** The drive writes to the device, which copies from there to where the bytes belong. */
  private boolean readDirect(Slab slab, Piece piece, OpenFile file, long before) {
    long begin = piece.transfer().file().offset() + piece.offset();
    int skew = (int) (begin & (TransferOptions.PAGE - 1));
    long needed = skew + piece.bytes();
    long length = (needed + TransferOptions.PAGE - 1) & -TransferOptions.PAGE;
    if (!file.readDirect(slab.onDevice(), begin - skew, needed, length)) {
      return false;
    }
    long target = piece.transfer().targetAddress() + piece.offset();
    copy(slab, target, slab.onDevice() + skew, piece.bytes(), false);
    moved(piece, TransferPath.FILE_TO_DEVICE, COPIED_ON_DEVICE, 2, before);
    return true;
  }

  private static boolean aligned(long bits) {
    return (bits & (TransferOptions.PAGE - 1)) == 0;
  }

  private static MemorySegment at(long address, long bytes) {
    return MemorySegment.ofAddress(address).reinterpret(bytes);
  }

  /** Counts a read of a file, and the copies after it. */
  private void readMoved(Piece piece, OpenFile file, int further, long before) {
    boolean past = file.pastPageCache();
    String reason = past ? whyNotDirect(piece, file) : file.reason();
    int copies = (past || file.inMemory() ? 1 : 2) + further;
    moved(
        piece, past ? TransferPath.DIRECT_READ : TransferPath.CACHED_READ, reason, copies, before);
  }

  private static String whyNotDirect(Piece piece, OpenFile file) {
    return piece.transfer().target().kind() == MemoryKind.PINNED
        ? "the target is the host's"
        : file.whyNotDirect();
  }

  private boolean store(Slab slab, Piece piece, long before) {
    Transfer transfer = piece.transfer();
    long target = transfer.targetAddress() + piece.offset();
    if (transfer.target().kind() == MemoryKind.PINNED) {
      MemorySegment.copy(
          transfer.memory(), piece.offset(), at(target, piece.bytes()), 0, piece.bytes());
      moved(piece, TransferPath.STAGED_MEMORY, "", 1, before);
      return false;
    }
    MemorySegment.copy(transfer.memory(), piece.offset(), slab.memory(), 0, piece.bytes());
    copy(slab, target, slab.address(), piece.bytes(), false);
    moved(piece, TransferPath.STAGED_MEMORY, "", 2, before);
    return true;
  }

  private boolean fetch(Slab slab, Piece piece, long before) {
    Transfer transfer = piece.transfer();
    long source = transfer.sourceAddress() + piece.offset();
    if (transfer.source().kind() == MemoryKind.PINNED) {
      MemorySegment.copy(
          at(source, piece.bytes()), 0, transfer.memory(), piece.offset(), piece.bytes());
      moved(piece, TransferPath.STAGED_MEMORY, "", 1, before);
      return false;
    }
    copy(slab, slab.address(), source, piece.bytes(), true);
    return true;
  }

  private void copy(Slab slab, long target, long source, long bytes, boolean fetching) {
    slab.fetching(fetching);
    stream.add(target, source, bytes);
    stream.give();
    slab.mark().record();
  }

  private void moved(Piece piece, TransferPath path, String reason, int copies, long before) {
    long nanos = system.threadNanos() - before;
    piece.batch().moved(path, reason, piece.bytes(), copies * piece.bytes(), nanos);
  }

  private void finishReached() {
    while (taken > returned && isReached(slab(returned))) {
      finishOldest();
    }
  }

  /** What cannot be asked is waited for, which says why. */
  private static boolean isReached(Slab slab) {
    try {
      return slab.mark().reached();
    } catch (RuntimeException e) {
      return true;
    }
  }

  private void finishOldest() {
    Slab slab = slab(returned);
    Piece piece = slab.piece();
    try {
      slab.mark().await();
      if (slab.fetching()) {
        unload(slab, piece);
      }
    } catch (RuntimeException | Error e) {
      stream.drain();
      piece.batch().fail(failure(piece, e));
    }
    returned++;
    end(piece);
  }

  private void unload(Slab slab, Piece piece) {
    long before = system.threadNanos();
    MemorySegment.copy(slab.memory(), 0, piece.transfer().memory(), piece.offset(), piece.bytes());
    moved(piece, TransferPath.STAGED_MEMORY, "", 2, before);
  }

  private static TransferException failure(Piece piece, Throwable cause) {
    if (cause instanceof TransferException known) {
      return known;
    }
    String what = Failures.sentence(cause);
    return new TransferException(
        "%d bytes from offset %d on of a transfer of %d could not be moved: %s"
            .formatted(piece.bytes(), piece.offset(), piece.transfer().bytes(), what),
        cause);
  }

  private OpenFile file(FileRange range) {
    for (int i = 0; i < files.size(); i++) {
      if (files.get(i).isOf(range)) {
        return files.get(i);
      }
    }
    if (files.size() == MOST_FILES) {
      files.removeFirst().close();
    }
    OpenFile file = OpenFile.open(system, range, options.pastPageCache(), direct);
    files.add(file);
    return file;
  }
}
