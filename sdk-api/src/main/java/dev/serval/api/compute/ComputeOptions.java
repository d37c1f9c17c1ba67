package dev.serval.api.compute;

/**
 * How a backend shall compute.
 *
 * @param threads how many threads an operation may use, the caller's included; at least 1
 * @param kernels which kernels to compute with
 * @param pinned whether each of these threads shall stay on a processor of its own: for one engine
 *     that has the machine to itself, since others that pin theirs meet it on the same processors
 */
public record ComputeOptions(int threads, KernelPreference kernels, boolean pinned) {
  /** Refuses less than 1 thread. */
  public ComputeOptions {
    if (threads < 1) {
      throw new IllegalArgumentException("an operation uses at least 1 thread, not " + threads);
    }
  }

  /**
   * The best kernels on threads that the system may move.
   *
   * @param threads how many threads an operation may use, the caller's included; at least 1
   * @return the options
   */
  public static ComputeOptions of(int threads) {
    return new ComputeOptions(threads, KernelPreference.best(), false);
  }

  /**
   * The same options with other kernels.
   *
   * @param wish which kernels to compute with
   * @return a copy
   */
  public ComputeOptions withKernels(KernelPreference wish) {
    return new ComputeOptions(threads, wish, pinned);
  }
}
