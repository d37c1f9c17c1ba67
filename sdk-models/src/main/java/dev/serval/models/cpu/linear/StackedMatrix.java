package dev.serval.models.cpu.linear;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.StoredTensor;
import dev.serval.models.cpu.block.StoredRows;
import dev.serval.models.cpu.crew.WorkCrew;
import dev.serval.models.cpu.memory.CpuActivations;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.ToLongFunction;

/**
 * Matrices of several types, one below the other: what quantised checkpoints make of weights that
 * belong together. The parts of a product are theirs, one after the other.
 */
final class StackedMatrix implements PackedMatrix {
  private final List<PackedMatrix> matrices;
  private final int rows;

  /**
   * Packs a weight: parts of one type that are neighbours become one matrix.
   *
   * @param parts the weight's rows from top to bottom, of one number of columns
   * @param packer packs the rows of one matrix
   * @return the one matrix, or several stacked
   */
  static PackedMatrix of(List<StoredTensor> parts, Function<StoredRows, PackedMatrix> packer) {
    List<PackedMatrix> matrices = new ArrayList<>();
    int firstRow = 0;
    for (int from = 0; from < parts.size(); ) {
      int to = sameType(parts, from);
      PackedMatrix matrix = packer.apply(new StoredRows(firstRow, parts.subList(from, to)));
      matrices.add(matrix);
      firstRow = Math.addExact(firstRow, matrix.rows());
      from = to;
    }
    return matrices.size() == 1 ? matrices.getFirst() : new StackedMatrix(matrices);
  }

  /**
   * What a packed weight takes.
   *
   * @param parts the weight's rows from top to bottom, of one number of columns
   * @param size of the rows of one matrix, in bytes
   * @return the sum over its matrices
   */
  static long bytes(List<StoredTensor> parts, ToLongFunction<StoredRows> size) {
    long bytes = 0;
    for (int from = 0; from < parts.size(); ) {
      int to = sameType(parts, from);
      bytes = Math.addExact(bytes, size.applyAsLong(new StoredRows(0, parts.subList(from, to))));
      from = to;
    }
    return bytes;
  }

  private static int sameType(List<StoredTensor> parts, int from) {
    int to = from + 1;
    while (to < parts.size() && parts.get(to).dtype() == parts.get(from).dtype()) {
      to++;
    }
    return to;
  }

  private StackedMatrix(List<PackedMatrix> matrices) {
    this.matrices = List.copyOf(matrices);
    rows = matrices.stream().mapToInt(PackedMatrix::rows).sum();
  }

  @Override
  public int rows() {
    return rows;
  }

  @Override
  public int columns() {
    return matrices.getFirst().columns();
  }

  @Override
  public DType dtype() {
    return matrices.getFirst().dtype();
  }

  @Override
  public int parts(int productRows) {
    int parts = 0;
    for (int i = 0; i < matrices.size(); i++) {
      parts += matrices.get(i).parts(productRows);
    }
    return parts;
  }

  @Override
  public void prepare(LinearWork product, WorkCrew crew) {
    for (int i = 0; i < matrices.size(); i++) {
      matrices.get(i).prepare(product, crew);
    }
  }

  @Override
  public void multiply(LinearWork product, int part, int worker) {
    int matrix = 0;
    int within = part;
    for (int parts = matrices.getFirst().parts(product.rows());
        within >= parts;
        parts = matrices.get(matrix).parts(product.rows())) {
      within -= parts;
      matrix++;
    }
    matrices.get(matrix).multiply(product, within, worker);
  }

  @Override
  public void expandRow(int row, CpuActivations out, long at, int worker) {
    int matrix = 0;
    int within = row;
    while (within >= matrices.get(matrix).rows()) {
      within -= matrices.get(matrix++).rows();
    }
    matrices.get(matrix).expandRow(within, out, at, worker);
  }
}
