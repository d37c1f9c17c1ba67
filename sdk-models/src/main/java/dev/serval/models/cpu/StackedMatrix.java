package dev.serval.models.cpu;

import dev.serval.api.compute.DType;
import java.util.List;

/**
 * Matrices of several types, one below the other: what quantised checkpoints make of weights that
 * belong together. The parts of a product are theirs, one after the other.
 */
public final class StackedMatrix implements PackedMatrix {
  private final List<? extends PackedMatrix> matrices;
  private final int rows;

  /**
   * Stacks matrices, each of which already knows at which row of the whole it begins.
   *
   * @param matrices from top to bottom, of one number of columns
   */
  public StackedMatrix(List<? extends PackedMatrix> matrices) {
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
