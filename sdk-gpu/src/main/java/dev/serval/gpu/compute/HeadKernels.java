package dev.serval.gpu.compute;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.gpu.driver.Kernel;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Launches products of heads with maps of their own, those of many heads at once. */
final class HeadKernels {
  private static final long STEP = Abi.HEAD_LINEAR.offset("step");
  private static final long IN = Abi.HEAD_LINEAR.offset("in");
  private static final long OUT = Abi.HEAD_LINEAR.offset("out");
  private static final long IN_STEP = Abi.HEAD_LINEAR.offset("inStep");
  private static final long IN_STRIDE = Abi.HEAD_LINEAR.offset("inStride");
  private static final long WEIGHT_ROWS = Abi.HEAD_LINEAR.offset("weightRows");
  private static final long COLUMNS = Abi.HEAD_LINEAR.offset("columns");
  private static final long WEIGHT_STRIDE = Abi.HEAD_LINEAR.offset("weightStride");
  private static final long SEGMENTS = Abi.HEAD_LINEAR.offset("segments");
  private static final long OUT_STRIDE = Abi.HEAD_LINEAR.offset("outStride");
  private static final long OUT_COLUMN = Abi.HEAD_LINEAR.offset("outColumn");
  private static final long OUT_STEP = Abi.HEAD_LINEAR.offset("outStep");
  private static final long WEIGHTS = Abi.HEAD_LINEAR.offset("weights");

  /** Rows of the matrix, and tokens, of a block without tensor cores. */
  private static final int PLAIN_BLOCK = 8;

  private final LaunchSite site;
  private final Map<MatrixType, LinearKernels.Family> packed = new EnumMap<>(MatrixType.class);
  private final Kernel headsF32;
  private final Kernel headsF16;

  HeadKernels(KernelModule module, LaunchSite site) {
    this.site = site;
    for (MatrixType type : MatrixType.values()) {
      if (type.packed()) {
        packed.put(type, LinearKernels.Family.of(module, "mma_heads_" + type.kernelName()));
      }
    }
    headsF32 = module.kernel("heads_f32");
    headsF16 = module.kernel("heads_f16");
  }

  /**
   * Where consecutive heads lie in rows.
   *
   * @param first which the first is
   * @param inStep columns from one to the next in what comes in: a multiple of a tile's if some
   *     product takes an operand
   * @param outStep and in what goes out
   */
  record Places(int first, int inStep, int outStep) {}

  /**
   * Multiplies heads by a part of their maps.
   *
   * @param maps of at most {@link Abi#MAX_HEADS} heads, which are kept alike
   * @param index which part
   */
  void multiply(
      List<CudaWeight.Matrix> maps,
      int index,
      LinearOperations.Input in,
      Places places,
      CudaActivations out) {
    CudaWeight.Part part = maps.getFirst().parts().get(index);
    int rows = site.bounds().rows();
    Kernel kernel;
    if (part.type().packed()) {
      LinearKernels.Member member = Objects.requireNonNull(packed.get(part.type())).member(rows);
      kernel = member.launch();
      kernel.grid(part.rowTiles(), Math.ceilDiv(rows, member.width()), maps.size());
    } else {
      kernel = part.type() == MatrixType.F32 ? headsF32 : headsF16;
      kernel.grid(
          Math.ceilDiv(part.rows(), PLAIN_BLOCK), Math.ceilDiv(rows, PLAIN_BLOCK), maps.size());
    }
    MemorySegment to = kernel.arguments();
    fill(to, part, in, places, out);
    for (int head = 0; head < maps.size(); head++) {
      to.set(
          JAVA_LONG,
          WEIGHTS + (long) head * Long.BYTES,
          maps.get(head).parts().get(index).address());
    }
    kernel.launch(site.stream());
  }

  private void fill(
      MemorySegment to,
      CudaWeight.Part part,
      LinearOperations.Input in,
      Places places,
      CudaActivations out) {
    long step = inStep(part, in, places);
    to.set(JAVA_LONG, STEP, site.step().address());
    to.set(JAVA_LONG, IN, in.address(part) + places.first() * step);
    to.set(JAVA_LONG, OUT, out.address());
    to.set(JAVA_LONG, IN_STEP, step);
    to.set(JAVA_INT, IN_STRIDE, in.stride(part));
    to.set(JAVA_INT, WEIGHT_ROWS, part.rows());
    to.set(JAVA_INT, COLUMNS, part.columns());
    to.set(JAVA_INT, WEIGHT_STRIDE, part.stride());
    to.set(JAVA_INT, SEGMENTS, part.segments());
    to.set(JAVA_INT, OUT_STRIDE, out.stride());
    to.set(JAVA_INT, OUT_COLUMN, places.first() * places.outStep() + part.firstRow());
    to.set(JAVA_INT, OUT_STEP, places.outStep());
  }

  /**
   * In bytes; an operand's columns are as many bytes apart as it has rows, within a tile or not.
   */
  private static long inStep(CudaWeight.Part part, LinearOperations.Input in, Places places) {
    return part.type().packed()
        ? (long) places.inStep() * in.stride(part) * Short.BYTES
        : (long) places.inStep() * Float.BYTES;
  }
}
