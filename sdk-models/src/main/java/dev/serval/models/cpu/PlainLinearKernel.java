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
    DType dtype = parts.getFirst().dtype();
    int columns = Math.toIntExact(parts.getFirst().shape().get(1));
    int rows = Math.toIntExact(parts.stream().mapToLong(part -> part.shape().getFirst()).sum());
    PanelShape shape = PanelShape.of(rows, columns, dtype, crew.size());
    PlainMatrix matrix = matrix(shape, dtype, memory.allocate(shape.bytes(), ALIGNMENT));
    crew.run(new Packing(parts, shape, matrix.data()));
    return matrix;
  }

  private PlainMatrix matrix(PanelShape shape, DType dtype, MemorySegment data) {
    return switch (dtype) {
      case F32 -> new PlainMatrix.F32(shape, data, scratch);
      case F16 -> new PlainMatrix.F16(shape, data, scratch);
      case BF16 -> new PlainMatrix.Bf16(shape, data, scratch);
    };
  }
}
