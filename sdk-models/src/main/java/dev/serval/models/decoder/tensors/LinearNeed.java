package dev.serval.models.decoder.tensors;

import java.util.List;
import java.util.stream.IntStream;

/**
 * A linear map that a model needs, or one of equally many rows of it.
 *
 * @param name its name, without {@code .weight} or {@code .bias}
 * @param rows how many outputs it has
 * @param columns how many inputs it has
 * @param part which part it is of what the checkpoint has under the name
 * @param parts of how many
 * @param byInput whether the checkpoint has a row for each input, and not for each output
 */
record LinearNeed(String name, int rows, int columns, int part, int parts, boolean byInput) {
  /** A map that has its name to itself. */
  LinearNeed(String name, int rows, int columns) {
    this(name, rows, columns, false);
  }

  /** The same, which may be stored by inputs. */
  LinearNeed(String name, int rows, int columns, boolean byInput) {
    this(name, rows, columns, 0, 1, byInput);
  }

  /** A part of a map. */
  LinearNeed(String name, int rows, int columns, int part, int parts) {
    this(name, rows, columns, part, parts, false);
  }

  /** One of several of as many rows under the same name. */
  static List<LinearNeed> some(String name, int rows, int columns, int parts, IntStream which) {
    return which.mapToObj(part -> new LinearNeed(name, rows, columns, part, parts)).toList();
  }

  static List<TensorNeed> weights(LinearNeed... maps) {
    return weights(List.of(maps));
  }

  static List<TensorNeed> weights(List<LinearNeed> maps) {
    return maps.stream().map(LinearNeed::weight).toList();
  }

  static List<TensorNeed> biases(LinearNeed... maps) {
    return biases(List.of(maps));
  }

  static List<TensorNeed> biases(List<LinearNeed> maps) {
    return maps.stream().map(LinearNeed::bias).toList();
  }

  private TensorNeed weight() {
    String tensor = name + ".weight";
    if (byInput) {
      return TensorNeed.transposed(tensor, rows, columns);
    }
    return parts == 1
        ? TensorNeed.matrix(tensor, rows, columns)
        : TensorNeed.rowsOf(tensor, part, parts, rows, columns);
  }

  private TensorNeed bias() {
    String tensor = name + ".bias";
    return parts == 1
        ? TensorNeed.vector(tensor, rows)
        : TensorNeed.elementsOf(tensor, part, parts, rows);
  }
}
