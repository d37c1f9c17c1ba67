package dev.serval.gpu.transfer;

import dev.serval.api.Bytes;
import dev.serval.api.storage.FileRange;
import java.lang.foreign.Arena;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What a drive gives when nothing but threads read the next piece each, as many threads and as
 * large pieces as transfers have.
 *
 * @param bytes what was read
 * @param nanos how long it took
 * @param way past the page cache, or why not
 */
@SuppressWarnings("exports") // what tests share is on the class path
public record DriveRate(long bytes, long nanos, String way) {
  private static final TransferOptions OPTIONS = TransferOptions.DEFAULTS;
  private static final long PIECE = OPTIONS.slab().count();

  /**
   * Reads a range.
   *
   * @param range of a file
   * @return how fast it came
   * @throws InterruptedException when the thread was
   */
  public static DriveRate of(FileRange range) throws InterruptedException {
    AtomicLong next = new AtomicLong();
    String way = way(range);
    long begin = System.nanoTime();
    Thread[] all = new Thread[OPTIONS.readers()];
    for (int i = 0; i < all.length; i++) {
      all[i] = Thread.ofPlatform().start(() -> read(range, next));
    }
    for (Thread thread : all) {
      thread.join();
    }
    return new DriveRate(range.bytes(), System.nanoTime() - begin, way);
  }

  private static String way(FileRange range) {
    OpenFile file = OpenFile.open(new SystemCalls(), range, true);
    try {
      return file.pastPageCache() ? "O_DIRECT" : "no O_DIRECT, for " + file.reason();
    } finally {
      file.close();
    }
  }

  private static void read(FileRange range, AtomicLong next) {
    SystemCalls calls = new SystemCalls();
    OpenFile file = OpenFile.open(calls, range, true);
    try (Arena arena = Arena.ofConfined()) {
      long buffer = arena.allocate(PIECE, TransferOptions.PAGE).address();
      for (long at = next.getAndAdd(PIECE); at < range.bytes(); at = next.getAndAdd(PIECE)) {
        long needed = Math.min(PIECE, range.bytes() - at);
        file.read(buffer, range.offset() + at, needed, PIECE);
      }
    } finally {
      file.close();
    }
  }

  /**
   * How fast it came.
   *
   * @return gigabytes (10<sup>9</sup>) a second
   */
  public double gigabytesPerSecond() {
    return (double) bytes / nanos;
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%.2f GB/s (%s, %d threads, pieces of %s)",
        gigabytesPerSecond(),
        way,
        OPTIONS.readers(),
        Bytes.of(PIECE));
  }
}
