package dev.serval.gpu.driver;

/** What a device can be asked for, with the driver's numbers. */
public enum DeviceAttribute {
  /** Threads that a block may have. */
  MAX_THREADS_PER_BLOCK(1),
  /** Multiprocessors. */
  MULTIPROCESSOR_COUNT(16),
  /** The compute capability before the dot. */
  COMPUTE_CAPABILITY_MAJOR(75),
  /** The compute capability after the dot. */
  COMPUTE_CAPABILITY_MINOR(76);

  private final int number;

  DeviceAttribute(int number) {
    this.number = number;
  }

  int number() {
    return number;
  }
}
