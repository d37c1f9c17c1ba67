package dev.serval.gpu.transfer;

import dev.serval.api.gpu.TransferException;
import dev.serval.api.storage.FileRange;
import dev.serval.api.storage.FileStamp;
import dev.serval.gpu.file.CuFileException;
import dev.serval.gpu.file.CuFileLibrary;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A file that a reader has open. For one thread. */
final class OpenFile {
  private static final long TMPFS = 0x0102_1994L;
  private static final long RAMFS = 0x8584_58F6L;

  private final SystemCalls system;
  private final Path path;
  private final FileStamp stamp;
  private int number;
  private final boolean inMemory;
  private boolean pastPageCache;
  private String reason;
  private @Nullable CuFileLibrary direct;
  private long handle;
  private String whyNotDirect;

  private OpenFile(
      SystemCalls system, FileRange range, int number, boolean pastPageCache, String reason) {
    this.system = system;
    this.path = range.path();
    this.stamp = range.stamp();
    this.number = number;
    long kind = system.fileSystem(number);
    inMemory = kind == TMPFS || kind == RAMFS;
    this.pastPageCache = pastPageCache && !inMemory;
    this.reason = inMemory ? "its file system is memory, not a drive" : reason;
    whyNotDirect = this.reason;
  }

  /**
   * Opens the file of a range, past the page cache where that is wanted and can be, and then for
   * reads straight to the device where there are such.
   */
  static OpenFile open(
      SystemCalls system, FileRange range, boolean pastPageCache, DirectFiles files) {
    OpenFile file = open(system, range, pastPageCache);
    if (file.pastPageCache) {
      file.register(files);
    }
    return file;
  }

  private void register(DirectFiles files) {
    CuFileLibrary library = files.library();
    whyNotDirect = files.words();
    if (library != null) {
      try {
        handle = library.registerFile(number);
        direct = library;
        whyNotDirect = "";
      } catch (CuFileException e) {
        whyNotDirect = String.valueOf(e.getMessage());
      }
    }
  }

  /** Opens the file of a range, past the page cache where that is wanted and can be. */
  static OpenFile open(SystemCalls system, FileRange range, boolean pastPageCache) {
    int number = pastPageCache ? system.open(range.path(), true) : -1;
    boolean past = number >= 0;
    boolean refused = pastPageCache && !past && system.error() == SystemCalls.INVALID;
    if (!past && (!pastPageCache || refused)) {
      number = system.open(range.path(), false);
    }
    if (number < 0) {
      throw new TransferException(
          "%s cannot be opened to be read: %s"
              .formatted(range.path(), SystemCalls.words(system.error())),
          null);
    }
    String reason = refused ? "its file system refuses O_DIRECT" : "O_DIRECT is not wanted";
    OpenFile file = new OpenFile(system, range, number, past, past ? "" : reason);
    file.requireSame();
    return file;
  }

  private void requireSame() {
    try {
      if (FileStamp.of(Path.of("/proc/self/fd/" + number)).equals(stamp)) {
        return;
      }
    } catch (IOException e) {
      close();
      throw new TransferException(path + " cannot be looked at: " + e.getMessage(), e);
    }
    close();
    throw new TransferException(
        path + " was written to or exchanged since the range to be read was taken", null);
  }

  boolean isOf(FileRange range) {
    return path.equals(range.path()) && stamp.equals(range.stamp());
  }

  /** Whether reads pass the page cache. */
  boolean pastPageCache() {
    return pastPageCache;
  }

  /** Why they do not; empty if they do. */
  String reason() {
    return reason;
  }

  /** Why the drive does not write to the device; empty if it does. */
  String whyNotDirect() {
    return whyNotDirect;
  }

  /**
   * Reads to the device's memory. Once that fails it is given up for this file, and the reason is
   * kept.
   *
   * @param address a slab's, on the device
   * @param offset where the bytes begin, a multiple of a page
   * @param needed how many must be there
   * @param length how many may be asked for, a multiple of a page
   * @return whether they are there
   */
  boolean readDirect(long address, long offset, long needed, long length) {
    CuFileLibrary library = direct;
    if (library == null) {
      return false;
    }
    long got = library.read(handle, address, length, offset, 0);
    if (got >= needed) {
      return true;
    }
    forget(
        got < 0
            ? "cuFile gave the file up (CUfileOpError %d)".formatted(-got)
            : "cuFile gave the file up after %d of %d bytes".formatted(got, needed));
    return false;
  }

  private void forget(String why) {
    CuFileLibrary library = direct;
    if (library != null) {
      library.forgetFile(handle);
      direct = null;
      whyNotDirect = why;
    }
  }

  /** Whether there is no drive behind the page cache. */
  boolean inMemory() {
    return inMemory;
  }

  /**
   * Reads bytes, of which those beyond the file's end are not needed.
   *
   * @param offset where they begin; with {@link #pastPageCache} a multiple of a page, as address
   *     and length are
   * @param needed how many must be there
   * @param length how many may be asked for
   */
  void read(long address, long offset, long needed, long length) {
    long got = 0;
    while (got < needed) {
      long now = system.read(number, address + got, length - got, offset + got);
      if (now > 0) {
        got += now;
      } else if (now == 0) {
        throw incomplete("it ends there", offset, needed, got);
      } else if (system.error() != SystemCalls.INTERRUPTED) {
        got = afterError(offset, needed, got);
      }
      if (pastPageCache && got < needed && got % TransferOptions.PAGE != 0) {
        throw incomplete("it ends there", offset, needed, got);
      }
    }
  }

  /** Some file systems let a file be opened for direct reads and refuse the first one. */
  private long afterError(long offset, long needed, long got) {
    int error = system.error();
    if (!pastPageCache || error != SystemCalls.INVALID) {
      throw incomplete(SystemCalls.words(error), offset, needed, got);
    }
    int cached = system.open(Path.of("/proc/self/fd/" + number), false);
    if (cached < 0) {
      throw incomplete(SystemCalls.words(error), offset, needed, got);
    }
    forget("its file system refuses direct reads");
    system.close(number);
    number = cached;
    pastPageCache = false;
    reason = "its file system refuses direct reads";
    return got;
  }

  private TransferException incomplete(String why, long offset, long needed, long got) {
    return new TransferException(
        "%s: of %d bytes from offset %d on, %d were read; %s"
            .formatted(path, needed, offset, got, why),
        null);
  }

  void close() {
    forget("it is closed");
    system.close(number);
  }
}
