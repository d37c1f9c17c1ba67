package dev.serval.models.cpu.vector;

import dev.serval.api.compute.DType;
import dev.serval.api.device.NativeMemory;
import dev.serval.models.cpu.block.StoredRows;
import dev.serval.models.cpu.crew.WorkCrew;
import dev.serval.models.cpu.linear.LinearKernel;
import dev.serval.models.cpu.linear.PackedMatrix;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Matrices by the Vector API; see {@link VectorMatrix} and {@link NibbleMatrix}. */
final class VectorLinearKernel implements LinearKernel {
  private static final int ALIGNMENT = 64;

  private final int workers;
  private final NibbleInputs nibbleInputs = new NibbleInputs();
  private final boolean fetchesFirst;
  private @Nullable List<LinearScratch> scratch;

  VectorLinearKernel(int workers, boolean fetchesFirst) {
    this.workers = workers;
    this.fetchesFirst = fetchesFirst;
  }

  /** What a packed matrix takes. */
  static long bytes(StoredRows rows) {
    return rows.dtype() == DType.Q4_0
        ? NibbleLayout.of(rows).bytes()
        : PanelLayout.of(rows).bytes();
  }

  @Override
  public PackedMatrix pack(StoredRows rows, NativeMemory memory, WorkCrew crew) {
    return rows.dtype() == DType.Q4_0 ? nibbles(rows, memory, crew) : panels(rows, memory, crew);
  }

  private NibbleMatrix nibbles(StoredRows rows, NativeMemory memory, WorkCrew crew) {
    NibbleLayout layout = NibbleLayout.of(rows);
    MemorySegment data = memory.allocate(layout.bytes(), ALIGNMENT);
    crew.run(new NibbleLayout.Packing(rows, layout, data));
    return new NibbleMatrix(layout, data, nibbleInputs, scratch());
  }

  private VectorMatrix panels(StoredRows rows, NativeMemory memory, WorkCrew crew) {
    PanelLayout layout = PanelLayout.of(rows);
    VectorMatrix matrix =
        new VectorMatrix(
            layout, memory.allocate(layout.bytes(), ALIGNMENT), scratch(), fetchesFirst);
    crew.run(new PanelPacking(rows, layout, matrix.data()));
    return matrix;
  }

  /** Made for the first matrix: other kernels may have them all. */
  private List<LinearScratch> scratch() {
    List<LinearScratch> known = scratch;
    if (known == null) {
      known = IntStream.range(0, workers).mapToObj(worker -> new LinearScratch()).toList();
      scratch = known;
    }
    return known;
  }
}
