package dev.serval.gpu.driver;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.StructLayout;

/** The driver's structures that are passed here, named and laid out as in {@code cuda.h}. */
final class Structs {
  static final StructLayout LAUNCH_CONFIG =
      MemoryLayout.structLayout(
              JAVA_INT.withName("gridDimX"),
              JAVA_INT.withName("gridDimY"),
              JAVA_INT.withName("gridDimZ"),
              JAVA_INT.withName("blockDimX"),
              JAVA_INT.withName("blockDimY"),
              JAVA_INT.withName("blockDimZ"),
              JAVA_INT.withName("sharedMemBytes"),
              MemoryLayout.paddingLayout(4),
              JAVA_LONG.withName("hStream"),
              ADDRESS.withName("attrs"),
              JAVA_INT.withName("numAttrs"),
              MemoryLayout.paddingLayout(4))
          .withName("CUlaunchConfig");

  static final StructLayout LAUNCH_ATTRIBUTE =
      MemoryLayout.structLayout(
              JAVA_INT.withName("id"),
              MemoryLayout.paddingLayout(4),
              JAVA_INT.withName("value"),
              MemoryLayout.paddingLayout(60))
          .withName("CUlaunchAttribute");

  static final StructLayout MEMORY_LOCATION =
      MemoryLayout.structLayout(JAVA_INT.withName("type"), JAVA_INT.withName("id"))
          .withName("CUmemLocation");

  static final StructLayout POOL_PROPERTIES =
      MemoryLayout.structLayout(
              JAVA_INT.withName("allocType"),
              JAVA_INT.withName("handleTypes"),
              MEMORY_LOCATION.withName("location"),
              ADDRESS.withName("win32SecurityAttributes"),
              JAVA_LONG.withName("maxSize"),
              JAVA_SHORT.withName("usage"),
              MemoryLayout.sequenceLayout(54, JAVA_BYTE).withName("reserved"))
          .withName("CUmemPoolProps");

  static final StructLayout COPY_ATTRIBUTES =
      MemoryLayout.structLayout(
              JAVA_INT.withName("srcAccessOrder"),
              MEMORY_LOCATION.withName("srcLocHint"),
              MEMORY_LOCATION.withName("dstLocHint"),
              JAVA_INT.withName("flags"))
          .withName("CUmemcpyAttributes");

  static final StructLayout GRAPH_UPDATE_RESULT =
      MemoryLayout.structLayout(
              JAVA_INT.withName("result"),
              MemoryLayout.paddingLayout(4),
              ADDRESS.withName("errorNode"),
              ADDRESS.withName("errorFromNode"))
          .withName("CUgraphExecUpdateResultInfo");

  private Structs() {}

  /** Where a field begins. */
  static long offset(StructLayout layout, String field) {
    return layout.byteOffset(PathElement.groupElement(field));
  }
}
