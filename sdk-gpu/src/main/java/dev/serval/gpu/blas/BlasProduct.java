package dev.serval.gpu.blas;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.gpu.driver.Stream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;

/**
 * Products of one shape, by the way that the library thinks best. The library counts in columns:
 * its A is the weight, transposed; its B the inputs; its C and D the outputs.
 */
public final class BlasProduct implements AutoCloseable {
  private static final long WORKSPACE =
      BlasStructs.HEURISTIC.byteOffset(PathElement.groupElement("workspaceSize"));

  private final BlasHandle handle;
  private final BlasLibrary library;
  private final BlasShape shape;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment way = arena.allocate(BlasStructs.HEURISTIC);
  private final MemorySegment one = arena.allocateFrom(JAVA_FLOAT, 1);
  private final MemorySegment beta;
  private final MemorySegment bias = arena.allocate(JAVA_LONG);
  private long product;
  private long weights;
  private long inputs;
  private long outputs;
  private boolean closed;

  private BlasProduct(BlasHandle handle, BlasShape shape) {
    this.handle = handle;
    this.shape = shape;
    library = handle.library();
    beta = arena.allocateFrom(JAVA_FLOAT, shape.adding() ? 1 : 0);
  }

  static BlasProduct of(BlasHandle handle, BlasShape shape, long workspaceBytes) {
    BlasProduct made = new BlasProduct(handle, shape);
    try {
      made.describe();
      made.choose(workspaceBytes);
      return made;
    } catch (RuntimeException | Error e) {
      made.close();
      throw e;
    }
  }

  private void describe() {
    int bf16 = BlasConstants.CUDA_R_16BF;
    int f32 = BlasConstants.CUDA_R_32F;
    product = library.created(BlasFunction.PRODUCT_CREATE, BlasConstants.CUBLAS_COMPUTE_32F, f32);
    set(BlasConstants.CUBLASLT_MATMUL_DESC_TRANSA, BlasConstants.CUBLAS_OP_T);
    if (shape.biased()) {
      set(BlasConstants.CUBLASLT_MATMUL_DESC_EPILOGUE, BlasConstants.CUBLASLT_EPILOGUE_BIAS);
    }
    weights = layout(bf16, shape.depth(), shape.rows(), shape.depth());
    inputs = layout(bf16, shape.depth(), shape.tokens(), shape.depth());
    outputs = layout(f32, shape.rows(), shape.tokens(), shape.outStride());
  }

  private long layout(int type, long rows, long columns, long leading) {
    return library.created(BlasFunction.LAYOUT_CREATE, type, rows, columns, leading);
  }

  private void set(int attribute, int value) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment in = scratch.allocateFrom(JAVA_INT, value);
      library.call(
          BlasFunction.PRODUCT_SET, product, attribute, in.address(), (long) Integer.BYTES);
    }
  }

  private void choose(long workspaceBytes) {
    long preference = library.created(BlasFunction.PREFERENCE_CREATE);
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment most = scratch.allocateFrom(JAVA_LONG, workspaceBytes);
      library.call(
          BlasFunction.PREFERENCE_SET,
          preference,
          BlasConstants.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
          most.address(),
          (long) Long.BYTES);
      library.call(
          BlasFunction.HEURISTIC,
          handle.address(),
          product,
          weights,
          inputs,
          outputs,
          outputs,
          preference,
          1,
          way.address(),
          scratch.allocate(JAVA_INT).address());
    } finally {
      library.destroyed(BlasFunction.PREFERENCE_DESTROY, preference);
    }
  }

  /**
   * Gives a product to a stream.
   *
   * @param weight the weight's address
   * @param in the inputs' address
   * @param biases the bias's address, F32; looked at where the shape has one
   * @param out the outputs' address
   * @param workspace the address of as much as was {@linkplain BlasHandle#product allowed}
   * @param stream the stream
   */
  public void launch(long weight, long in, long biases, long out, long workspace, Stream stream) {
    if (shape.biased()) {
      bias.set(JAVA_LONG, 0, biases);
      library.call(
          BlasFunction.PRODUCT_SET,
          product,
          BlasConstants.CUBLASLT_MATMUL_DESC_BIAS_POINTER,
          bias.address(),
          (long) Long.BYTES);
    }
    library.call(
        BlasFunction.PRODUCT,
        handle.address(),
        product,
        one.address(),
        weight,
        weights,
        in,
        inputs,
        beta.address(),
        out,
        outputs,
        out,
        outputs,
        way.address(),
        workspace,
        way.get(JAVA_LONG, WORKSPACE),
        stream.address());
  }

  /** Gives the library back what describes it. Closing again does nothing. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      library.destroyed(BlasFunction.LAYOUT_DESTROY, weights, inputs, outputs);
      library.destroyed(BlasFunction.PRODUCT_DESTROY, product);
      arena.close();
    }
  }
}
