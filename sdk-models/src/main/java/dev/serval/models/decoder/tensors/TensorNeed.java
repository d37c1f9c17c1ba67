package dev.serval.models.decoder.tensors;

import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.StoredTensor;
import java.util.List;
import java.util.OptionalInt;

/**
 * A tensor that a model needs, or one part of it.
 *
 * @param name its name in the checkpoint
 * @param shape its dimensions there
 * @param view those under which it is read
 * @param part which of the parts that the outermost of these counts; all of it if empty
 * @param reading how it is read
 */
public record TensorNeed(
    String name, List<Long> shape, List<Long> view, OptionalInt part, Reading reading) {
  /** How a tensor is read. */
  public enum Reading {
    /** As it is. */
    WHOLE,
    /** One element after the other, so that it cannot be in blocks. */
    BY_ELEMENT,
    /** Likewise, as a matrix whose columns are stored as rows. */
    BY_COLUMN
  }

  private TensorNeed(String name, List<Long> shape, List<Long> view, OptionalInt part) {
    this(name, shape, view, part, Reading.WHOLE);
  }

  private static TensorNeed whole(String name, List<Long> shape) {
    return new TensorNeed(name, shape, shape, OptionalInt.empty());
  }

  static TensorNeed matrix(String name, int rows, int columns) {
    return whole(name, List.of((long) rows, (long) columns));
  }

  /** A matrix that is stored the other way round: a row for each of its columns. */
  static TensorNeed transposed(String name, int rows, int columns) {
    return new TensorNeed(
        name,
        List.of((long) columns, (long) rows),
        List.of((long) rows, (long) columns),
        OptionalInt.empty(),
        Reading.BY_COLUMN);
  }

  /** One of several matrices in a tensor. */
  static TensorNeed matrixOf(String name, int part, int parts, int rows, int columns) {
    List<Long> shape = List.of((long) parts, (long) rows, (long) columns);
    return new TensorNeed(name, shape, shape, OptionalInt.of(part));
  }

  /** Some rows of a matrix, which is made up of several as many. */
  static TensorNeed rowsOf(String name, int part, int parts, int rows, int columns) {
    return new TensorNeed(
        name,
        List.of((long) parts * rows, (long) columns),
        List.of((long) parts, (long) rows, (long) columns),
        OptionalInt.of(part));
  }

  static TensorNeed vector(String name, int length) {
    return whole(name, List.of((long) length));
  }

  /** Some elements of a vector, which is made up of several as many. */
  static TensorNeed elementsOf(String name, int part, int parts, int length) {
    return new TensorNeed(
        name,
        List.of((long) parts * length),
        List.of((long) parts, (long) length),
        OptionalInt.of(part));
  }

  /**
   * A matrix whose rows are read as one vector, the first one first; a checkpoint may have that
   * vector itself.
   */
  static TensorNeed flat(String name, int rows, int columns) {
    return new TensorNeed(
        name,
        List.of((long) rows, (long) columns),
        List.of((long) rows * columns),
        OptionalInt.empty());
  }

  /** The same, whose elements are read one by one. */
  static List<TensorNeed> byElement(List<TensorNeed> needs) {
    return needs.stream().map(TensorNeed::readByElement).toList();
  }

  private TensorNeed readByElement() {
    return new TensorNeed(name, shape, view, part, Reading.BY_ELEMENT);
  }

  /**
   * Whether a tensor is of this shape, or is all of it as it is read, but for dimensions of 1 that
   * either may have.
   */
  boolean fits(StoredTensor tensor) {
    List<Long> stored = withoutOnes(tensor.shape());
    return stored.equals(withoutOnes(shape))
        || (part.isEmpty() && stored.equals(withoutOnes(view)));
  }

  private static List<Long> withoutOnes(List<Long> shape) {
    return shape.stream().filter(length -> length != 1).toList();
  }

  /** What a checkpoint has of it, in the order of its elements there. */
  public StoredTensor in(Checkpoint checkpoint) {
    StoredTensor tensor = checkpoint.tensor(name).reshaped(view);
    return part.isEmpty()
        ? tensor
        : tensor.part(part.getAsInt(), "%s[%d]".formatted(name, part.getAsInt()));
  }
}
