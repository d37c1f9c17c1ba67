package dev.serval.models.cpu;

import dev.serval.api.compute.DType;
import java.util.List;

/**
 * Matrices of several types, one below the other: what quantised checkpoints make of weights that
 * belong together. Its panels are theirs, one after the other.
 */
final class StackedMatrix implements PackedMatrix {
  private final List<PlainMatrix> parts;
  private final int rows;
  private final int panels;

  StackedMatrix(List<PlainMatrix> parts) {
    this.parts = parts;
    rows = parts.stream().mapToInt(PlainMatrix::rows).sum();
    panels = parts.stream().mapToInt(PlainMatrix::panels).sum();
  }

  @Override
  public int rows() {
    return rows;
  }

  @Override
  public int columns() {
    return parts.getFirst().columns();
  }

  @Override
  public DType dtype() {
    return parts.getFirst().dtype();
  }

  @Override
  public int panels() {
    return panels;
  }

  @Override
  public void multiply(LinearWork product, int panel, int from, int to, int worker) {
    int part = 0;
    int within = panel;
    while (within >= parts.get(part).panels()) {
      within -= parts.get(part++).panels();
    }
    parts.get(part).multiply(product, within, from, to, worker);
  }

  @Override
  public void expandRow(int row, CpuActivations out, long at) {
    int part = 0;
    int within = row;
    while (within >= parts.get(part).rows()) {
      within -= parts.get(part++).rows();
    }
    parts.get(part).expandRow(within, out, at);
  }
}
