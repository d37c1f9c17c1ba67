package dev.serval.models.family;

import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.StoredTensor;
import java.util.List;
import java.util.OptionalInt;

/**
 * A tensor that a model needs, or one part of it.
 *
 * @param name its name in the checkpoint
 * @param shape its dimensions
 * @param part which of the parts that its outermost dimension counts; all of it if empty
 */
record TensorNeed(String name, List<Long> shape, OptionalInt part) {
  static TensorNeed matrix(String name, int rows, int columns) {
    return new TensorNeed(name, List.of((long) rows, (long) columns), OptionalInt.empty());
  }

  /** One of several matrices in a tensor. */
  static TensorNeed matrixOf(String name, int part, int parts, int rows, int columns) {
    return new TensorNeed(
        name, List.of((long) parts, (long) rows, (long) columns), OptionalInt.of(part));
  }

  static TensorNeed vector(String name, int length) {
    return new TensorNeed(name, List.of((long) length), OptionalInt.empty());
  }

  /** Whether a tensor is of this shape, but for dimensions of 1 before it that either may have. */
  boolean fits(StoredTensor tensor) {
    return withoutOnes(tensor.shape()).equals(withoutOnes(shape));
  }

  private static List<Long> withoutOnes(List<Long> shape) {
    return shape.stream().dropWhile(length -> length == 1).toList();
  }

  /** What a checkpoint has of it. */
  StoredTensor in(Checkpoint checkpoint) {
    StoredTensor tensor = checkpoint.tensor(name).reshaped(shape);
    return part.isEmpty()
        ? tensor
        : tensor.part(part.getAsInt(), "%s[%d]".formatted(name, part.getAsInt()));
  }
}
