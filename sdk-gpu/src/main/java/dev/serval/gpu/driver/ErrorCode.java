package dev.serval.gpu.driver;

/** The numbers of {@code CUresult} that are told apart here. */
final class ErrorCode {
  static final int SUCCESS = 0;
  static final int OUT_OF_MEMORY = 2;
  static final int NO_DEVICE = 100;
  static final int NOT_READY = 600;
  static final int PEER_ACCESS_ALREADY_ENABLED = 704;

  private ErrorCode() {}

  /** Whether every later call on the context will fail too. */
  static boolean sticky(int code) {
    return switch (code) {
      case 46, // DEVICE_UNAVAILABLE
          214, // ECC_UNCORRECTABLE
          220, // NVLINK_UNCORRECTABLE
          226, // CONTAINED
          700, // ILLEGAL_ADDRESS
          702, // LAUNCH_TIMEOUT
          709, // CONTEXT_IS_DESTROYED
          710, // ASSERT
          714, // HARDWARE_STACK_ERROR
          715, // ILLEGAL_INSTRUCTION
          716, // MISALIGNED_ADDRESS
          717, // INVALID_ADDRESS_SPACE
          718, // INVALID_PC
          719, // LAUNCH_FAILED
          721, // TENSOR_MEMORY_LEAK
          810, // MPS_CLIENT_TERMINATED
          999 ->
          true; // UNKNOWN
      default -> false;
    };
  }
}
