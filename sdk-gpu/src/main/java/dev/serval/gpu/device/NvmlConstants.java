package dev.serval.gpu.device;

/** NVML's numbers that are used here, by the names they have in {@code nvml.h}. */
final class NvmlConstants {
  static final int NVML_SUCCESS = 0;
  static final int NVML_ERROR_TIMEOUT = 10;
  static final int NVML_ERROR_INSUFFICIENT_SIZE = 7;
  static final int NVML_ERROR_GPU_IS_LOST = 15;
  static final int NVML_ERROR_RESET_REQUIRED = 16;
  static final int NVML_NVLINK_MAX_LINKS = 36;
  static final int NVML_FEATURE_ENABLED = 1;
  static final int NVML_DEVICE_MIG_ENABLE = 1;
  static final int NVML_DEVICE_ADDRESSING_MODE_HMM = 1;
  static final int NVML_DEVICE_ADDRESSING_MODE_ATS = 2;
  static final int NVML_FI_DEV_GET_GPU_RECOVERY_ACTION = 230;
  static final int NVML_GPU_RECOVERY_ACTION_NONE = 0;
  static final long nvmlEventTypeXidCriticalError = 8;

  private NvmlConstants() {}
}
