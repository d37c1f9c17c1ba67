package dev.serval.models.cpu;

import dev.serval.api.compute.DType;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.storage.StoredTensor;
import java.util.ArrayList;
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
    List<PlainMatrix> matrices = new ArrayList<>();
    int firstRow = 0;
    for (int from = 0; from < parts.size(); ) {
      int to = sameType(parts, from);
      PlainMatrix matrix = pack(firstRow, parts.subList(from, to), memory, crew);
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

  private PlainMatrix pack(
      int firstRow, List<StoredTensor> parts, NativeMemory memory, WorkCrew crew) {
    DType dtype = parts.getFirst().dtype();
    int columns = Math.toIntExact(parts.getFirst().shape().get(1));
    int rows = Math.toIntExact(parts.stream().mapToLong(part -> part.shape().getFirst()).sum());
    PanelShape shape = PanelShape.of(firstRow, rows, columns, dtype, crew.size());
    PlainMatrix matrix = matrix(shape, dtype, memory.allocate(shape.bytes(), ALIGNMENT));
    crew.run(new Packing(parts, shape, matrix.data()));
    return matrix;
  }

  private PlainMatrix matrix(PanelShape shape, DType dtype, java.lang.foreign.MemorySegment data) {
    return switch (dtype) {
      case F32 -> new PlainMatrix.F32(shape, data, scratch);
      case F16 -> new PlainMatrix.F16(shape, data, scratch);
      case BF16 -> new PlainMatrix.Bf16(shape, data, scratch);
      case Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K ->
          new BlockMatrix(dtype, shape, data, scratch);
    };
  }
}
