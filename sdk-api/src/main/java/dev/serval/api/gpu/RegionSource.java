package dev.serval.api.gpu;

/**
 * Where the memory of a {@link RegionPool} comes from. Implemented by whoever drives a device, and
 * called by the pool alone, from several threads at once.
 */
public interface RegionSource extends AutoCloseable {
  /**
   * What kind of memory this is.
   *
   * @return always the same
   */
  MemoryKind kind();

  /**
   * Takes memory; what it holds is not defined. Host memory begins at a multiple of 4,096, device
   * memory of 256.
   *
   * @param bytes how much, at least 1
   * @return its address, or 0 where there is no more
   */
  long allocate(long bytes);

  /**
   * Gives memory back. Called once for each address, when no transfer uses it; it never fails: a
   * device that is lost has no memory to give back.
   *
   * @param address as it was taken
   * @param bytes as it was taken
   */
  void release(long address, long bytes);

  /** Called once, after everything was given back. */
  @Override
  void close();
}
