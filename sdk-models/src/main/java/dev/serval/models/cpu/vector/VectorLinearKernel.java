package dev.serval.models.cpu.vector;

import dev.serval.api.compute.DType;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.storage.StoredTensor;
import dev.serval.models.cpu.LinearKernel;
import dev.serval.models.cpu.PackedMatrix;
import dev.serval.models.cpu.StackedMatrix;
import dev.serval.models.cpu.WorkCrew;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** Matrices by the Vector API; see {@link VectorMatrix}. */
final class VectorLinearKernel implements LinearKernel {
  private static final int ALIGNMENT = 64;

  private final List<LinearScratch> scratch;

  VectorLinearKernel(int workers) {
    scratch = IntStream.range(0, workers).mapToObj(worker -> new LinearScratch()).toList();
  }

  @Override
  public PackedMatrix pack(List<StoredTensor> parts, NativeMemory memory, WorkCrew crew) {
    List<VectorMatrix> matrices = new ArrayList<>();
    int firstRow = 0;
    for (int from = 0; from < parts.size(); ) {
      int to = sameType(parts, from);
      VectorMatrix matrix = matrix(firstRow, parts.subList(from, to), memory, crew);
      matrices.add(matrix);
      firstRow = Math.addExact(firstRow, matrix.rows());
      from = to;
    }
    return matrices.size() == 1 ? matrices.getFirst() : new StackedMatrix(matrices);
  }

  private static int sameType(List<StoredTensor> parts, int from) {
    int to = from + 1;
    while (to < parts.size() && parts.get(to).dtype() == parts.get(from).dtype()) {
      to++;
    }
    return to;
  }

  private VectorMatrix matrix(
      int firstRow, List<StoredTensor> parts, NativeMemory memory, WorkCrew crew) {
    DType dtype = parts.getFirst().dtype();
    int columns = Math.toIntExact(parts.getFirst().shape().getLast());
    int rows = Math.toIntExact(parts.stream().mapToLong(part -> part.shape().getFirst()).sum());
    PanelLayout layout = PanelLayout.of(firstRow, rows, columns, dtype);
    VectorMatrix matrix =
        new VectorMatrix(layout, memory.allocate(layout.bytes(), ALIGNMENT), scratch);
    crew.run(new PanelPacking(parts, layout, matrix.data()));
    return matrix;
  }
}
