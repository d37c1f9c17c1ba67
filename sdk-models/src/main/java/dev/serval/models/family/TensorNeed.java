package dev.serval.models.family;

import java.util.List;

/**
 * A tensor that a model needs.
 *
 * @param name its name in the checkpoint
 * @param shape its dimensions
 */
record TensorNeed(String name, List<Long> shape) {
  static TensorNeed matrix(String name, int rows, int columns) {
    return new TensorNeed(name, List.of((long) rows, (long) columns));
  }

  static TensorNeed vector(String name, int length) {
    return new TensorNeed(name, List.of((long) length));
  }
}
