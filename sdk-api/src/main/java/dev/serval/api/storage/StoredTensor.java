package dev.serval.api.storage;

import dev.serval.api.compute.DType;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/**
 * A tensor as it is stored: row-major, little-endian, the last dimension contiguous.
 *
 * @param name its name in the checkpoint
 * @param dtype how its elements are stored
 * @param shape its dimensions, outermost first; a matrix is {@code [rows, columns]}
 * @param data its bytes, read-only, of exactly the size that type and shape demand; at no
 *     alignment, so read with unaligned layouts
 * @param file where the same bytes lie in a file, for whoever reads them on a shorter way; empty
 *     when they do not, or the checkpoint does not say
 */
public record StoredTensor(
    String name, DType dtype, List<Long> shape, MemorySegment data, Optional<FileRange> file) {
  /** Copies the shape and refuses data of another size. */
  public StoredTensor {
    shape = List.copyOf(shape);
    long elements = shape.stream().reduce(1L, Math::multiplyExact);
    if (data.byteSize() != dtype.bytes(elements)) {
      throw new IllegalArgumentException(
          "tensor '%s' of type %s and shape %s takes %d bytes, not %d"
              .formatted(name, dtype, shape, dtype.bytes(elements), data.byteSize()));
    }
    if (file.isPresent() && file.get().bytes() != data.byteSize()) {
      throw new IllegalArgumentException(
          "tensor '%s' has %d bytes in memory and %d in %s"
              .formatted(name, data.byteSize(), file.get().bytes(), file.get().path()));
    }
  }

  /**
   * A tensor that is in memory alone.
   *
   * @param name its name in the checkpoint
   * @param dtype how its elements are stored
   * @param shape its dimensions, outermost first
   * @param data its bytes
   */
  public StoredTensor(String name, DType dtype, List<Long> shape, MemorySegment data) {
    this(name, dtype, shape, data, Optional.empty());
  }

  /**
   * How many elements it has.
   *
   * @return the product of its dimensions
   */
  public long elements() {
    return shape.stream().reduce(1L, Math::multiplyExact);
  }
}
