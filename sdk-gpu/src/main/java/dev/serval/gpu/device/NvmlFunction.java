package dev.serval.gpu.device;

import static dev.serval.gpu.driver.Parameter.INT;
import static dev.serval.gpu.driver.Parameter.LONG;
import static dev.serval.gpu.driver.Parameter.POINTER;

import dev.serval.gpu.driver.NativeFunction;
import dev.serval.gpu.driver.Parameter;

/**
 * NVML's functions that are called here, by the names that the library has them under, with their
 * parameters. Every function gives an {@code nvmlReturn_t}.
 */
enum NvmlFunction implements NativeFunction {
  INIT("nvmlInit_v2"),
  SHUTDOWN("nvmlShutdown"),
  DRIVER_VERSION("nvmlSystemGetDriverVersion", POINTER, INT),
  COUNT("nvmlDeviceGetCount_v2", POINTER),
  BY_INDEX("nvmlDeviceGetHandleByIndex_v2", INT, POINTER),
  BY_UUID("nvmlDeviceGetHandleByUUID", POINTER, POINTER),
  UUID("nvmlDeviceGetUUID", POINTER, POINTER, INT),
  BRAND("nvmlDeviceGetBrand", POINTER, POINTER),
  MEMORY("nvmlDeviceGetMemoryInfo", POINTER, POINTER),
  ADDRESSING_MODE("nvmlDeviceGetAddressingMode", POINTER, POINTER),
  LINK_GENERATION("nvmlDeviceGetMaxPcieLinkGeneration", POINTER, POINTER),
  LINK_WIDTH("nvmlDeviceGetMaxPcieLinkWidth", POINTER, POINTER),
  NVLINK_STATE("nvmlDeviceGetNvLinkState", POINTER, INT, POINTER),
  NVLINK_REMOTE("nvmlDeviceGetNvLinkRemotePciInfo_v2", POINTER, INT, POINTER),
  PROCESSES("nvmlDeviceGetComputeRunningProcesses_v3", POINTER, POINTER, POINTER),
  MIG_MODE("nvmlDeviceGetMigMode", POINTER, POINTER, POINTER),
  MIG_COUNT("nvmlDeviceGetMaxMigDeviceCount", POINTER, POINTER),
  MIG_BY_INDEX("nvmlDeviceGetMigDeviceHandleByIndex", POINTER, INT, POINTER),
  MIG_PARENT("nvmlDeviceGetDeviceHandleFromMigDeviceHandle", POINTER, POINTER),
  GPU_INSTANCE("nvmlDeviceGetGpuInstanceId", POINTER, POINTER),
  COMPUTE_INSTANCE("nvmlDeviceGetComputeInstanceId", POINTER, POINTER),
  ATTRIBUTES("nvmlDeviceGetAttributes_v2", POINTER, POINTER),
  FIELDS("nvmlDeviceGetFieldValues", POINTER, INT, POINTER),
  EVENTS_SUPPORTED("nvmlDeviceGetSupportedEventTypes", POINTER, POINTER),
  EVENTS_CREATE("nvmlEventSetCreate", POINTER),
  EVENTS_REGISTER("nvmlDeviceRegisterEvents", POINTER, LONG, POINTER),
  EVENTS_WAIT("nvmlEventSetWait_v2", POINTER, POINTER, INT),
  EVENTS_FREE("nvmlEventSetFree", POINTER);

  private final Signature signature;

  NvmlFunction(String symbol, Parameter... parameters) {
    signature = Signature.of(symbol, parameters);
  }

  @Override
  public Signature signature() {
    return signature;
  }
}
