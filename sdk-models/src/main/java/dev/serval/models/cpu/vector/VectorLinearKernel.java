package dev.serval.models.cpu.vector;

import dev.serval.api.device.NativeMemory;
import dev.serval.api.storage.StoredTensor;
import dev.serval.models.cpu.LinearKernel;
import dev.serval.models.cpu.PackedMatrix;
import dev.serval.models.cpu.StackedMatrix;
import dev.serval.models.cpu.StoredRows;
import dev.serval.models.cpu.WorkCrew;
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
    return StackedMatrix.of(parts, rows -> pack(rows, memory, crew));
  }

  private VectorMatrix pack(StoredRows rows, NativeMemory memory, WorkCrew crew) {
    PanelLayout layout = PanelLayout.of(rows);
    VectorMatrix matrix =
        new VectorMatrix(layout, memory.allocate(layout.bytes(), ALIGNMENT), scratch);
    crew.run(new PanelPacking(rows, layout, matrix.data()));
    return matrix;
  }
}
