package dev.serval.gpu.device;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.StructLayout;

/** NVML's structures that are passed here, named and laid out as in {@code nvml.h}. */
final class NvmlStructs {
  static final StructLayout PCI =
      MemoryLayout.structLayout(
              MemoryLayout.sequenceLayout(16, JAVA_BYTE).withName("busIdLegacy"),
              JAVA_INT.withName("domain"),
              JAVA_INT.withName("bus"),
              JAVA_INT.withName("device"),
              JAVA_INT.withName("pciDeviceId"),
              JAVA_INT.withName("pciSubSystemId"),
              MemoryLayout.sequenceLayout(32, JAVA_BYTE).withName("busId"))
          .withName("nvmlPciInfo_t");

  static final StructLayout MEMORY =
      MemoryLayout.structLayout(
              JAVA_LONG.withName("total"), JAVA_LONG.withName("free"), JAVA_LONG.withName("used"))
          .withName("nvmlMemory_t");

  static final StructLayout PROCESS =
      MemoryLayout.structLayout(
              JAVA_INT.withName("pid"),
              MemoryLayout.paddingLayout(4),
              JAVA_LONG.withName("usedGpuMemory"),
              JAVA_INT.withName("gpuInstanceId"),
              JAVA_INT.withName("computeInstanceId"))
          .withName("nvmlProcessInfo_t");

  static final StructLayout ATTRIBUTES =
      MemoryLayout.structLayout(
              JAVA_INT.withName("multiprocessorCount"),
              JAVA_INT.withName("sharedCopyEngineCount"),
              JAVA_INT.withName("sharedDecoderCount"),
              JAVA_INT.withName("sharedEncoderCount"),
              JAVA_INT.withName("sharedJpegCount"),
              JAVA_INT.withName("sharedOfaCount"),
              JAVA_INT.withName("gpuInstanceSliceCount"),
              JAVA_INT.withName("computeInstanceSliceCount"),
              JAVA_LONG.withName("memorySizeMB"))
          .withName("nvmlDeviceAttributes_t");

  static final StructLayout ADDRESSING =
      MemoryLayout.structLayout(JAVA_INT.withName("version"), JAVA_INT.withName("value"))
          .withName("nvmlDeviceAddressingMode_v1_t");

  static final StructLayout EVENT =
      MemoryLayout.structLayout(
              JAVA_LONG.withName("device"),
              JAVA_LONG.withName("eventType"),
              JAVA_LONG.withName("eventData"),
              JAVA_INT.withName("gpuInstanceId"),
              JAVA_INT.withName("computeInstanceId"))
          .withName("nvmlEventData_t");

  static final StructLayout FIELD =
      MemoryLayout.structLayout(
              JAVA_INT.withName("fieldId"),
              JAVA_INT.withName("scopeId"),
              JAVA_LONG.withName("timestamp"),
              JAVA_LONG.withName("latencyUsec"),
              JAVA_INT.withName("valueType"),
              JAVA_INT.withName("nvmlReturn"),
              JAVA_LONG.withName("value"))
          .withName("nvmlFieldValue_t");

  private NvmlStructs() {}

  /** Where a field begins. */
  static long offset(StructLayout layout, String field) {
    return layout.byteOffset(PathElement.groupElement(field));
  }
}
