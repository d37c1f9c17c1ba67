package dev.serval.gpu.compute;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.gpu.driver.Kernel;
import java.lang.foreign.MemorySegment;

/**
 * Launches products with matrices. How many tokens a block takes and whether the segments of a
 * product are summed side by side or one after the other is chosen by how many blocks there would
 * be; the bits do not depend on it.
 */
final class Products {
  private static final long STEP = Abi.LINEAR.offset("step");
  private static final long IN = Abi.LINEAR.offset("in");
  private static final long WEIGHT = Abi.LINEAR.offset("weight");
  private static final long BIAS = Abi.LINEAR.offset("bias");
  private static final long OUT = Abi.LINEAR.offset("out");
  private static final long PARTIALS = Abi.LINEAR.offset("partials");
  private static final long ARRIVALS = Abi.LINEAR.offset("arrivals");
  private static final long OF_LOGITS = Abi.LINEAR.offset("ofLogits");
  private static final long IN_STRIDE = Abi.LINEAR.offset("inStride");
  private static final long WEIGHT_ROWS = Abi.LINEAR.offset("weightRows");
  private static final long COLUMNS = Abi.LINEAR.offset("columns");
  private static final long WEIGHT_STRIDE = Abi.LINEAR.offset("weightStride");
  private static final long SEGMENTS = Abi.LINEAR.offset("segments");
  private static final long OUT_STRIDE = Abi.LINEAR.offset("outStride");
  private static final long OUT_COLUMN = Abi.LINEAR.offset("outColumn");
  private static final long ADD = Abi.LINEAR.offset("add");

  /** Rows of the matrix, and tokens, of a block without tensor cores. */
  private static final int PLAIN_BLOCK = 8;

  /** A block of so many tokens takes all segments itself where there are blocks enough. */
  private static final int WIDE = 128;

  private final LaunchSite site;
  private final LinearKernels kernels;

  private final Kernel linearF32;
  private final Kernel linearF16;

  Products(KernelModule module, String instruction, LaunchSite site) {
    this.site = site;
    kernels = new LinearKernels(instruction, module);
    linearF32 = module.kernel("linear_f32");
    linearF16 = module.kernel("linear_f16");
  }

  /** A product with a part of a matrix, each row to its column of the output. */
  void linear(
      CudaWeight.Part part,
      long in,
      int inStride,
      boolean ofLogits,
      long bias,
      CudaActivations out,
      boolean add) {
    int rows = ofLogits ? site.bounds().logitRows() : site.bounds().rows();
    if (part.type().packed()) {
      LinearKernels.Member kernel = kernels.plain(part.type()).member(rows);
      fill(kernel.launch().arguments(), part, in, inStride, ofLogits, bias, out, add);
      launch(kernel, part, rows, false);
    } else {
      Kernel kernel = part.type() == MatrixType.F32 ? linearF32 : linearF16;
      fill(kernel.arguments(), part, in, inStride, ofLogits, bias, out, add);
      kernel
          .grid(Math.ceilDiv(part.rows(), PLAIN_BLOCK), Math.ceilDiv(rows, PLAIN_BLOCK), 1)
          .launch(site.stream());
    }
  }

  /** The gated activation of a product with a matrix of gate and up. */
  void gated(CudaWeight.Part part, CudaActivations in, long bias, CudaActivations out) {
    int rows = site.bounds().rows();
    LinearKernels.Member kernel = kernels.gated(part.type()).member(rows);
    MemorySegment to = kernel.launch().arguments();
    fill(to, part, in.address(), in.stride(), false, bias, out, false);
    launch(kernel, part, rows, true);
  }

  private void fill(
      MemorySegment to,
      CudaWeight.Part part,
      long in,
      int inStride,
      boolean ofLogits,
      long bias,
      CudaActivations out,
      boolean add) {
    to.set(JAVA_LONG, STEP, site.step().address());
    to.set(JAVA_LONG, IN, in);
    to.set(JAVA_LONG, WEIGHT, part.address());
    to.set(JAVA_LONG, BIAS, bias == 0 ? 0 : bias + (long) part.firstRow() * Float.BYTES);
    to.set(JAVA_LONG, OUT, out.address());
    to.set(JAVA_INT, OF_LOGITS, ofLogits ? 1 : 0);
    to.set(JAVA_INT, IN_STRIDE, inStride);
    to.set(JAVA_INT, WEIGHT_ROWS, part.rows());
    to.set(JAVA_INT, COLUMNS, part.columns());
    to.set(JAVA_INT, WEIGHT_STRIDE, part.stride());
    to.set(JAVA_INT, SEGMENTS, part.segments());
    to.set(JAVA_INT, OUT_STRIDE, out.stride());
    to.set(JAVA_INT, OUT_COLUMN, part.firstRow());
    to.set(JAVA_INT, ADD, add ? 1 : 0);
  }

  private void launch(LinearKernels.Member kernel, CudaWeight.Part part, int rows, boolean gated) {
    if (rows == 0) {
      return;
    }
    int rowTiles = gated ? part.rowTiles() / 2 : part.rowTiles();
    int width = kernel.width();
    int tokenTiles = Math.ceilDiv(rows, width);
    int blocks = Math.multiplyExact(rowTiles, tokenTiles);
    boolean apart = width < WIDE || blocks < site.multiprocessors();
    int segments = apart ? part.segments() : 1;
    long sums = segments == 1 ? 0 : (long) blocks * segments * (gated ? 2 : 1) * Abi.TILE * width;
    MemorySegment to = kernel.launch().arguments();
    to.set(JAVA_LONG, PARTIALS, sums == 0 ? 0 : site.partials().atLeast(sums * Float.BYTES));
    to.set(
        JAVA_LONG,
        ARRIVALS,
        sums == 0 ? 0 : site.arrivals().atLeast((long) blocks * Integer.BYTES));
    if (kernel.inTurns()) {
      int groups = gated ? rowTiles : Math.ceilDiv(rowTiles, kernel.rowTiles());
      kernel.turns(groups * tokenTiles, segments, site.multiprocessors());
    } else {
      kernel.launch().grid(rowTiles, tokenTiles, segments);
    }
    kernel.launch().launch(site.stream());
  }
}
