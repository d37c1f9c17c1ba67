package dev.serval.api.storage;

import dev.serval.api.compute.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * A tensor as it is stored: row-major, little-endian, the last dimension contiguous.
 *
 * @param name its name in the checkpoint
 * @param dtype how its elements are stored
 * @param shape its dimensions, outermost first; a matrix is {@code [rows, columns]}
 * @param source what gives its bytes, of exactly the size that type and shape demand
 * @param file where the same bytes lie in a file, for whoever reads them on a shorter way; empty
 *     when they do not, or the checkpoint does not say
 */
public record StoredTensor(
    String name, DType dtype, List<Long> shape, TensorSource source, Optional<FileRange> file) {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Copies the shape and refuses data of another size. */
  public StoredTensor {
    shape = List.copyOf(shape);
    long elements = shape.stream().reduce(1L, Math::multiplyExact);
    if (source.size() != dtype.bytes(elements)) {
      throw new IllegalArgumentException(
          "tensor '%s' of type %s and shape %s takes %d bytes, not %d"
              .formatted(name, dtype, shape, dtype.bytes(elements), source.size()));
    }
    if (file.isPresent() && file.get().bytes() != source.size()) {
      throw new IllegalArgumentException(
          "tensor '%s' has %d bytes in memory and %d in %s"
              .formatted(name, source.size(), file.get().bytes(), file.get().path()));
    }
  }

  /**
   * A tensor whose bytes lie in memory.
   *
   * @param name its name in the checkpoint
   * @param dtype how its elements are stored
   * @param shape its dimensions, outermost first
   * @param data its bytes
   * @param file where the same bytes lie in a file, if they do
   */
  public StoredTensor(
      String name, DType dtype, List<Long> shape, MemorySegment data, Optional<FileRange> file) {
    this(name, dtype, shape, TensorSource.of(data), file);
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
   * Its bytes, which may have to be made for this.
   *
   * @return all of them, read-only; at no alignment, so read with unaligned layouts
   * @throws CheckpointException when what they are made of turns out to be damaged
   */
  public MemorySegment data() {
    return source.bytes();
  }

  /**
   * How many bytes it takes.
   *
   * @return the size, known without its bytes
   */
  public long byteSize() {
    return source.size();
  }

  /**
   * One of its elements.
   *
   * @param index which, from 0
   * @return the element, exactly
   * @throws IllegalStateException when the type is block-wise
   */
  public float element(long index) {
    long at = dtype.bytes(index);
    return switch (dtype) {
      case F32 -> Float.intBitsToFloat(data().get(INT, at));
      case F16 -> Float.float16ToFloat(data().get(SHORT, at));
      case BF16 -> Float.intBitsToFloat(data().get(SHORT, at) << Short.SIZE);
      default -> throw new IllegalStateException("tensor '%s' is of %s".formatted(name, dtype));
    };
  }

  /**
   * One of the equal parts that its outermost dimension counts, such as the matrix of one expert in
   * a tensor of all.
   *
   * @param index which, from 0
   * @param named what it is called
   * @return the part, of the other dimensions
   * @throws IndexOutOfBoundsException when there is no such part
   */
  public StoredTensor part(int index, String named) {
    long count = shape.getFirst();
    Objects.checkIndex(index, count);
    long bytes = source.size() / count;
    return new StoredTensor(
        named,
        dtype,
        shape.subList(1, shape.size()),
        source.slice(index * bytes, bytes),
        file.map(range -> range.slice(index * bytes, bytes)));
  }

  /**
   * The same elements under other dimensions.
   *
   * @param dimensions the outermost first; their product is the number of elements
   * @return the tensor
   */
  public StoredTensor reshaped(List<Long> dimensions) {
    return dimensions.equals(shape)
        ? this
        : new StoredTensor(name, dtype, dimensions, source, file);
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
