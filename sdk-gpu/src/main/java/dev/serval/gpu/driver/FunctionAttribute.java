package dev.serval.gpu.driver;

/** What a kernel can be asked for, with the driver's numbers. */
public enum FunctionAttribute {
  /** Threads that a block of it may have on this device. */
  MAX_THREADS_PER_BLOCK(0),
  /** Bytes of shared memory that it always takes. */
  SHARED_SIZE_BYTES(1),
  /** Bytes of local memory that a thread of it takes: more than 0 where registers were spilled. */
  LOCAL_SIZE_BYTES(3),
  /** Registers that a thread of it takes. */
  NUM_REGS(4),
  /** The virtual architecture that it was compiled for: 10 × major + minor. */
  PTX_VERSION(5),
  /** The architecture that it was assembled for: 10 × major + minor. */
  BINARY_VERSION(6),
  /** Bytes of shared memory that a launch may ask for beyond. */
  MAX_DYNAMIC_SHARED_SIZE_BYTES(8);

  private final int number;

  FunctionAttribute(int number) {
    this.number = number;
  }

  int number() {
    return number;
  }
}
