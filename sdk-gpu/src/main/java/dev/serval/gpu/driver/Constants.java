package dev.serval.gpu.driver;

/** The driver's numbers that are used here, by the names they have in {@code cuda.h}. */
final class Constants {
  static final int CU_MEMHOSTALLOC_PORTABLE = 1;
  static final int CU_MEMHOSTREGISTER_PORTABLE = 1;
  static final int CU_STREAM_NON_BLOCKING = 1;
  static final int CU_STREAM_CAPTURE_MODE_THREAD_LOCAL = 1;
  static final int CU_EVENT_BLOCKING_SYNC = 1;
  static final int CU_EVENT_DISABLE_TIMING = 2;
  static final int CU_MEM_ALLOCATION_TYPE_PINNED = 1;
  static final int CU_MEM_LOCATION_TYPE_DEVICE = 1;
  static final int CU_MEMPOOL_ATTR_RELEASE_THRESHOLD = 4;
  static final int CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT = 5;
  static final int CU_MEMPOOL_ATTR_USED_MEM_CURRENT = 7;
  static final int CU_MEMCPY_SRC_ACCESS_ORDER_STREAM = 1;
  static final int CU_JIT_ERROR_LOG_BUFFER = 5;
  static final int CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 6;
  static final int CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8;
  static final int CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION = 6;

  static final int CUDA_SUCCESS = 0;
  static final int CUDA_ERROR_OUT_OF_MEMORY = 2;
  static final int CUDA_ERROR_DEVICE_UNAVAILABLE = 46;
  static final int CUDA_ERROR_INVALID_CONTEXT = 201;
  static final int CUDA_ERROR_ECC_UNCORRECTABLE = 214;
  static final int CUDA_ERROR_NVLINK_UNCORRECTABLE = 220;
  static final int CUDA_ERROR_CONTAINED = 226;
  static final int CUDA_ERROR_NOT_READY = 600;
  static final int CUDA_ERROR_ILLEGAL_ADDRESS = 700;
  static final int CUDA_ERROR_LAUNCH_TIMEOUT = 702;
  static final int CUDA_ERROR_CONTEXT_IS_DESTROYED = 709;
  static final int CUDA_ERROR_ASSERT = 710;
  static final int CUDA_ERROR_HARDWARE_STACK_ERROR = 714;
  static final int CUDA_ERROR_ILLEGAL_INSTRUCTION = 715;
  static final int CUDA_ERROR_MISALIGNED_ADDRESS = 716;
  static final int CUDA_ERROR_INVALID_ADDRESS_SPACE = 717;
  static final int CUDA_ERROR_INVALID_PC = 718;
  static final int CUDA_ERROR_LAUNCH_FAILED = 719;
  static final int CUDA_ERROR_TENSOR_MEMORY_LEAK = 721;
  static final int CUDA_ERROR_MPS_CLIENT_TERMINATED = 810;
  static final int CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE = 910;
  static final int CUDA_ERROR_UNKNOWN = 999;

  private Constants() {}

  /** Whether a {@code CUresult} means that every later call on the context will fail too. */
  static boolean sticky(int code) {
    return switch (code) {
      case CUDA_ERROR_DEVICE_UNAVAILABLE,
          CUDA_ERROR_ECC_UNCORRECTABLE,
          CUDA_ERROR_NVLINK_UNCORRECTABLE,
          CUDA_ERROR_CONTAINED,
          CUDA_ERROR_ILLEGAL_ADDRESS,
          CUDA_ERROR_LAUNCH_TIMEOUT,
          CUDA_ERROR_CONTEXT_IS_DESTROYED,
          CUDA_ERROR_ASSERT,
          CUDA_ERROR_HARDWARE_STACK_ERROR,
          CUDA_ERROR_ILLEGAL_INSTRUCTION,
          CUDA_ERROR_MISALIGNED_ADDRESS,
          CUDA_ERROR_INVALID_ADDRESS_SPACE,
          CUDA_ERROR_INVALID_PC,
          CUDA_ERROR_LAUNCH_FAILED,
          CUDA_ERROR_TENSOR_MEMORY_LEAK,
          CUDA_ERROR_MPS_CLIENT_TERMINATED,
          CUDA_ERROR_UNKNOWN ->
          true;
      default -> false;
    };
  }
}
