package dev.serval.storage.gguf.format;

import dev.serval.api.compute.DType;
import dev.serval.storage.text.Quoted;
import java.util.ArrayList;
import java.util.List;

/**
 * What the directory says of a tensor. Its shape is outermost dimension first, the other way round
 * than the file has it.
 *
 * @param name its name in the file
 * @param dtype how its elements are stored
 * @param shape its dimensions
 * @param offset where it begins, from where the tensors begin
 * @param bytes how many bytes it takes
 */
public record TensorEntry(String name, DType dtype, List<Long> shape, long offset, long bytes) {
  /** The bytes of an entry with a name of none and one dimension. */
  static final long LEAST_BYTES = 3 * Long.BYTES + 2 * Integer.BYTES;

  private static final int MOST_NAME_BYTES = 64;
  private static final int MOST_DIMENSIONS = 4;

  static TensorEntry read(GgufCursor cursor, long index) {
    String name = cursor.name("the name of tensor " + index, MOST_NAME_BYTES);
    String tensor = "tensor " + Quoted.of(name);
    List<Long> shape = shape(cursor, tensor);
    long number = cursor.uint32("the type of " + tensor);
    DType dtype =
        TensorType.dtype(number)
            .orElseThrow(() ->
                cursor.problem(
                    "%s is of type %s; weights may be of %s"
                        .formatted(tensor, TensorType.name(number), TensorType.computable())));
    long offset = cursor.uint63("the offset of " + tensor);
    return new TensorEntry(name, dtype, shape, offset, bytes(cursor, tensor, dtype, shape));
  }

  private static List<Long> shape(GgufCursor cursor, String tensor) {
    long dimensions = cursor.uint32("the number of dimensions of " + tensor);
    if (dimensions < 1 || dimensions > MOST_DIMENSIONS) {
      throw cursor.problem(
          "%s has %d dimensions; a tensor has 1 to %d"
              .formatted(tensor, dimensions, MOST_DIMENSIONS));
    }
    List<Long> shape = new ArrayList<>();
    for (long i = 0; i < dimensions; i++) {
      long length = cursor.uint63("dimension %d of %s".formatted(i, tensor));
      if (length == 0) {
        throw cursor.problem("dimension %d of %s is 0".formatted(i, tensor));
      }
      shape.addFirst(length);
    }
    return List.copyOf(shape);
  }

  private static long bytes(GgufCursor cursor, String tensor, DType dtype, List<Long> shape) {
    if (shape.getLast() % dtype.blockElements() != 0) {
      throw cursor.problem(
          "%s of type %s has rows of %d elements, which do not fill blocks of %d"
              .formatted(tensor, dtype, shape.getLast(), dtype.blockElements()));
    }
    try {
      return dtype.bytes(shape.stream().reduce(1L, Math::multiplyExact));
    } catch (ArithmeticException e) {
      throw cursor.problem("%s has shape %s, which is beyond any file".formatted(tensor, shape));
    }
  }
}
