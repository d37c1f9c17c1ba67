package dev.serval.api.storage;

import dev.serval.api.compute.DType;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A tensor as it is stored: row-major, little-endian, the last dimension contiguous.
 *
 * @param name its name in the checkpoint
 * @param dtype how its elements are stored
 * @param shape its dimensions, outermost first; a matrix is {@code [rows, columns]}
 * @param data its bytes, read-only, of exactly the size that type and shape demand; at no
 *     alignment, so read with unaligned layouts
 */
public record StoredTensor(String name, DType dtype, List<Long> shape, MemorySegment data) {
  /** Copies the shape and refuses data of another size. */
  public StoredTensor {
    shape = List.copyOf(shape);
    long elements = shape.stream().reduce(1L, Math::multiplyExact);
    if (data.byteSize() != dtype.bytes(elements)) {
      throw new IllegalArgumentException(
          "tensor '%s' of type %s and shape %s takes %d bytes, not %d"
              .formatted(name, dtype, shape, dtype.bytes(elements), data.byteSize()));
    }
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
