package dev.serval.gpu.blas;

/** cuBLASLt at work in one context. Used by one thread at a time, which is attached. */
public final class BlasHandle implements AutoCloseable {
  private final BlasLibrary library;
  private final long address;
  private boolean closed;

  BlasHandle(BlasLibrary library, long address) {
    this.library = library;
    this.address = address;
  }

  BlasLibrary library() {
    return library;
  }

  long address() {
    return address;
  }

  /**
   * Prepares products of one shape.
   *
   * @param shape the shape
   * @param workspaceBytes how much memory of the device a product may use meanwhile
   * @return the product, closed by the caller before this handle
   * @throws BlasException when the library knows no way to compute it
   */
  public BlasProduct product(BlasShape shape, long workspaceBytes) {
    return BlasProduct.of(this, shape, workspaceBytes);
  }

  /** Ends the use. Closing again does nothing. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      library.destroyed(BlasFunction.DESTROY, address);
    }
  }
}
