package dev.serval.models.cpu.plain;

import dev.serval.api.compute.DType;
import dev.serval.api.device.NativeMemory;
import dev.serval.models.cpu.block.StoredRows;
import dev.serval.models.cpu.crew.WorkCrew;
import dev.serval.models.cpu.linear.LinearKernel;
import dev.serval.models.cpu.linear.PackedMatrix;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;

/** Matrices in plain Java; see {@link PlainMatrix}. */
final class PlainLinearKernel implements LinearKernel {
  private static final int ALIGNMENT = 64;

  private final List<PanelScratch> scratch;

  PlainLinearKernel(int workers) {
    scratch = IntStream.range(0, workers).mapToObj(worker -> new PanelScratch()).toList();
  }

  @Override
  public PackedMatrix pack(StoredRows rows, NativeMemory memory, WorkCrew crew) {
    PanelShape shape = PanelShape.of(rows, crew.size());
    PlainMatrix matrix = matrix(shape, rows.dtype(), memory.allocate(shape.bytes(), ALIGNMENT));
    crew.run(new Packing(rows, shape, matrix.data()));
    return matrix;
  }

  private PlainMatrix matrix(PanelShape shape, DType dtype, MemorySegment data) {
    return switch (dtype) {
      case F32 -> new PlainMatrix.F32(shape, data, scratch);
      case F16 -> new PlainMatrix.F16(shape, data, scratch);
      case BF16 -> new PlainMatrix.Bf16(shape, data, scratch);
      default -> new BlockMatrix(dtype, shape, data, scratch);
    };
  }
}
