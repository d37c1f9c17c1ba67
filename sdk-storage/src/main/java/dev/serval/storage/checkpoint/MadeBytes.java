package dev.serval.storage.checkpoint;

import dev.serval.api.storage.TensorSource;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Bytes of a tensor that are made, once they are asked for, of what is stored otherwise. */
public final class MadeBytes implements TensorSource {
  private static final long ALIGNMENT = 64;

  /** As many as a few rows have are garbage as any other. */
  private static final long FEW = 1 << 20;

  /** Makes them. */
  public interface Maker {
    /**
     * Writes some of the bytes.
     *
     * @param from where they begin, between two elements or blocks
     * @param to where they go, to such a place, too
     */
    void make(long from, MemorySegment to);
  }

  private final long from;
  private final long size;
  private final Maker maker;
  private @Nullable MemorySegment made;

  private MadeBytes(long from, long size, Maker maker) {
    this.from = from;
    this.size = size;
    this.maker = maker;
  }

  /**
   * Bytes that are not made yet.
   *
   * @param size how many there are
   * @param maker makes them, on whichever thread asks for them
   */
  public MadeBytes(long size, Maker maker) {
    this(0, size, maker);
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public synchronized MemorySegment bytes() {
    MemorySegment bytes = made;
    if (bytes == null) {
      MemorySegment room = size <= FEW ? onHeap() : Arena.ofAuto().allocate(size, ALIGNMENT);
      maker.make(from, room);
      bytes = room.asReadOnly();
      made = bytes;
    }
    return bytes;
  }

  private MemorySegment onHeap() {
    return MemorySegment.ofArray(new byte[Math.toIntExact(size)]);
  }

  @Override
  public TensorSource slice(long begin, long length) {
    Objects.checkFromIndexSize(begin, length, size);
    return new MadeBytes(from + begin, length, maker);
  }
}
