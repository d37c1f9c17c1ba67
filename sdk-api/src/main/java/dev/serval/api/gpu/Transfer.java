package dev.serval.api.gpu;

import dev.serval.api.storage.FileRange;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One transfer of a {@link TransferBatch}, as whoever carries it out sees it. The batch owns it and
 * uses it again.
 */
public final class Transfer {
  /** From what to what. */
  public enum Kind {
    /** Between regions. */
    REGION_TO_REGION,
    /** From a file to a region. */
    FILE_TO_REGION,
    /** From any memory of the host to a region. */
    MEMORY_TO_REGION,
    /** From a region to any memory of the host. */
    REGION_TO_MEMORY
  }

  private Kind kind = Kind.REGION_TO_REGION;
  private @Nullable Region source;
  private long sourceOffset;
  private @Nullable Region target;
  private long targetOffset;
  private @Nullable FileRange file;
  private @Nullable MemorySegment memory;
  private long bytes;

  Transfer() {}

  void between(Region from, long fromOffset, Region to, long toOffset, long count) {
    kind = Kind.REGION_TO_REGION;
    from(from, fromOffset, count);
    to(to, toOffset, count);
  }

  void read(FileRange range, Region to, long toOffset) {
    kind = Kind.FILE_TO_REGION;
    file = range;
    to(to, toOffset, range.bytes());
  }

  void store(MemorySegment from, Region to, long toOffset) {
    kind = Kind.MEMORY_TO_REGION;
    memory = from;
    to(to, toOffset, from.byteSize());
  }

  void fetch(Region from, long fromOffset, MemorySegment to) {
    kind = Kind.REGION_TO_MEMORY;
    memory = to;
    from(from, fromOffset, to.byteSize());
  }

  private void from(Region region, long offset, long count) {
    region.requireWithin(offset, count);
    source = region;
    sourceOffset = offset;
    bytes = count;
  }

  private void to(Region region, long offset, long count) {
    region.requireWithin(offset, count);
    target = region;
    targetOffset = offset;
    bytes = count;
  }

  void forget() {
    source = null;
    target = null;
    file = null;
    memory = null;
  }

  void hold() {
    if (source != null) {
      source.hold();
    }
    if (target != null) {
      try {
        target.hold();
      } catch (IllegalStateException e) {
        if (source != null) {
          source.drop();
        }
        throw e;
      }
    }
  }

  void drop() {
    drop(source);
    drop(target);
  }

  /** A source of memory that fails to take it back does not keep the others from it. */
  private static void drop(@Nullable Region region) {
    if (region == null) {
      return;
    }
    try {
      region.drop();
    } catch (RuntimeException | Error e) {
      Thread thread = Thread.currentThread();
      thread.getUncaughtExceptionHandler().uncaughtException(thread, e);
    }
  }

  /**
   * From what to what.
   *
   * @return the kind; it says which of the others are there
   */
  public Kind kind() {
    return kind;
  }

  /**
   * How much is moved.
   *
   * @return the number of bytes
   */
  public long bytes() {
    return bytes;
  }

  /**
   * Where the bytes come from, if from a region.
   *
   * @return the region, held while the batch is under way
   */
  public Region source() {
    return Objects.requireNonNull(source, "source");
  }

  /**
   * Where in the host's and the device's address space the bytes come from, if from a region.
   *
   * @return the address of the first one
   */
  public long sourceAddress() {
    return source().address() + sourceOffset;
  }

  /**
   * Where the bytes go, if to a region.
   *
   * @return the region, held while the batch is under way
   */
  public Region target() {
    return Objects.requireNonNull(target, "target");
  }

  /**
   * Where in the host's and the device's address space the bytes go, if to a region.
   *
   * @return the address of the first one
   */
  public long targetAddress() {
    return target().address() + targetOffset;
  }

  /**
   * The file that is read, if one is.
   *
   * @return its range
   */
  public FileRange file() {
    return Objects.requireNonNull(file, "file");
  }

  /**
   * The memory of the host that is no region, if it takes part.
   *
   * @return the segment, which its owner may close at any time
   */
  public MemorySegment memory() {
    return Objects.requireNonNull(memory, "memory");
  }
}
