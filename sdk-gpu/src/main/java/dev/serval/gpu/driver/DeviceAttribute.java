package dev.serval.gpu.driver;

/** What a device can be asked for, with the driver's numbers. */
public enum DeviceAttribute {
  /** Threads that a block may have. */
  MAX_THREADS_PER_BLOCK(1),
  /** Multiprocessors. */
  MULTIPROCESSOR_COUNT(16),
  /** Whether the device shares the host's memory. */
  INTEGRATED(18),
  /** Whether its memory corrects errors. */
  ECC_ENABLED(32),
  /** The number of the PCI bus. */
  PCI_BUS_ID(33),
  /** The memory's clock in kHz. */
  MEMORY_CLOCK_RATE(36),
  /** Bits that the memory moves at once. */
  GLOBAL_MEMORY_BUS_WIDTH(37),
  /** Bytes of the second-level cache. */
  L2_CACHE_SIZE(38),
  /** Threads that a multiprocessor may hold. */
  MAX_THREADS_PER_MULTIPROCESSOR(39),
  /** Copies that can run beside kernels. */
  ASYNC_ENGINE_COUNT(40),
  /** The compute capability before the dot. */
  COMPUTE_CAPABILITY_MAJOR(75),
  /** The compute capability after the dot. */
  COMPUTE_CAPABILITY_MINOR(76),
  /** Bytes of shared memory of a multiprocessor. */
  MAX_SHARED_MEMORY_PER_MULTIPROCESSOR(81),
  /** Whether kernels may read all of the host's memory. */
  PAGEABLE_MEMORY_ACCESS(88),
  /** Bytes of shared memory that a block may ask for. */
  MAX_SHARED_MEMORY_PER_BLOCK_OPTIN(97),
  /** Whether memory that the host has can be pinned. */
  HOST_REGISTER_SUPPORTED(99),
  /** Whether memory comes from pools in a stream's order. */
  MEMORY_POOLS_SUPPORTED(115),
  /** Whether other devices may read and write its memory. */
  GPU_DIRECT_RDMA_SUPPORTED(116);

  private final int number;

  DeviceAttribute(int number) {
    this.number = number;
  }

  int number() {
    return number;
  }
}
