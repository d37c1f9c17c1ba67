package dev.serval.models.cpu;

import dev.serval.api.compute.DType;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.storage.StoredTensor;
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
  public PackedMatrix pack(List<StoredTensor> parts, NativeMemory memory, WorkCrew crew) {
    return StackedMatrix.of(parts, rows -> pack(rows, memory, crew));
  }

  private PlainMatrix pack(StoredRows rows, NativeMemory memory, WorkCrew crew) {
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
      case Q4_0,
          Q4_1,
          Q5_0,
          Q5_1,
          Q8_0,
          Q2_K,
          Q3_K,
          Q4_K,
          Q5_K,
          Q6_K,
          IQ4_NL,
          IQ4_XS,
          MXFP4,
          IQ1_S,
          IQ1_M,
          IQ2_XXS,
          IQ2_XS,
          IQ2_S,
          IQ3_XXS,
          IQ3_S,
          TQ1_0,
          TQ2_0 ->
          new BlockMatrix(dtype, shape, data, scratch);
    };
  }
}
