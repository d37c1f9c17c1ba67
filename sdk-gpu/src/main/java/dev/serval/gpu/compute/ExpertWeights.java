package dev.serval.gpu.compute;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * One map of all experts of a layer, which are kept alike.
 *
 * @param parts those of the first expert, for their shapes and types
 * @param count how many experts there are
 * @param addresses where the addresses of the experts' parts lie on the device: those of the first
 *     part of each expert, then those of the second
 * @param biases where those of their biases lie, in the same order; 0 where experts have none
 */
record ExpertWeights(List<CudaWeight.Part> parts, int count, long addresses, long biases) {
  /** The addresses of a part of each expert. */
  long addresses(int part) {
    return addresses + (long) part * count * Long.BYTES;
  }

  /** The addresses of the biases of a part of each expert; 0 for none. */
  long biases(int part) {
    return biases == 0 ? 0 : biases + (long) part * count * Long.BYTES;
  }

  /** Whether tensor cores multiply all of it. */
  boolean packed() {
    return parts.stream().allMatch(part -> part.type().packed());
  }

  /** Whether tensor cores multiply some of it. */
  boolean anyPacked() {
    return parts.stream().anyMatch(part -> part.type().packed());
  }

  /** Whether its two halves can be multiplied by one kernel that gates one with the other. */
  boolean fuses() {
    return parts.size() == 1 && packed() && parts.getFirst().rows() % (2 * Abi.TILE) == 0;
  }

  /**
   * The addresses of the experts' parts, in their order on the device.
   *
   * @param role what the matrices are
   * @throws IllegalArgumentException when the experts are not kept alike
   */
  static long[] addresses(String role, List<CudaWeight.Matrix> experts) {
    CudaWeight.Matrix first = experts.getFirst();
    long[] addresses = new long[first.parts().size() * experts.size()];
    for (int expert = 0; expert < experts.size(); expert++) {
      CudaWeight.Matrix matrix = experts.get(expert);
      requireAlike(role, first, expert, matrix);
      for (int part = 0; part < matrix.parts().size(); part++) {
        addresses[part * experts.size() + expert] = matrix.parts().get(part).address();
      }
    }
    return addresses;
  }

  /**
   * The addresses of the biases of the experts' parts, in their order on the device.
   *
   * @param parts those of the first expert
   * @param biases where each expert's bias lies
   */
  static long[] addresses(List<CudaWeight.Part> parts, long[] biases) {
    return parts.stream()
        .flatMapToLong(
            part -> Arrays.stream(biases).map(bias -> bias + (long) part.firstRow() * Float.BYTES))
        .toArray();
  }

  private static void requireAlike(
      String role, CudaWeight.Matrix first, int expert, CudaWeight.Matrix matrix) {
    if (!first.isKeptAs(matrix)) {
      throw new IllegalArgumentException(
          "the %s of expert %d are kept as %s, and on a GPU all experts of a layer as the first, %s"
              .formatted(role, expert, words(matrix), words(first)));
    }
  }

  private static String words(CudaWeight.Matrix matrix) {
    return matrix.parts().stream()
        .map(part -> "%d rows of %s".formatted(part.rows(), part.type()))
        .collect(Collectors.joining(" above "));
  }
}
