package dev.serval.gpu.driver;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * The driver's functions, each as of the CUDA version that it is asked for, with its parameters.
 * This table is all that is known of them: calls are linked by it, and a test compares it with
 * {@code cuda.h}. Every function gives a {@code CUresult}.
 */
enum EntryPoint {
  INIT("cuInit", 2000, Type.INT),
  DEVICE_COUNT("cuDeviceGetCount", 2000, Type.POINTER),
  DEVICE("cuDeviceGet", 2000, Type.POINTER, Type.INT),
  DEVICE_NAME("cuDeviceGetName", 2000, Type.POINTER, Type.INT, Type.INT),
  DEVICE_UUID("cuDeviceGetUuid", 11040, Type.POINTER, Type.INT),
  DEVICE_TOTAL_MEMORY("cuDeviceTotalMem", 3020, Type.POINTER, Type.INT),
  DEVICE_ATTRIBUTE("cuDeviceGetAttribute", 2000, Type.POINTER, Type.INT, Type.INT),
  DEVICE_PCI_ADDRESS("cuDeviceGetPCIBusId", 4010, Type.POINTER, Type.INT, Type.INT),
  DEVICE_PEERS("cuDeviceCanAccessPeer", 4000, Type.POINTER, Type.INT, Type.INT),
  DEVICE_PEER_ATTRIBUTE(
      "cuDeviceGetP2PAttribute", 8000, Type.POINTER, Type.INT, Type.INT, Type.INT),
  DEVICE_DEFAULT_POOL("cuDeviceGetDefaultMemPool", 11020, Type.POINTER, Type.INT),
  PRIMARY_RETAIN("cuDevicePrimaryCtxRetain", 7000, Type.POINTER, Type.INT),
  PRIMARY_RELEASE("cuDevicePrimaryCtxRelease", 11000, Type.INT),
  PRIMARY_RESET("cuDevicePrimaryCtxReset", 11000, Type.INT),
  PRIMARY_STATE("cuDevicePrimaryCtxGetState", 7000, Type.INT, Type.POINTER, Type.POINTER),
  CONTEXT_SET("cuCtxSetCurrent", 4000, Type.POINTER),
  CONTEXT_GET("cuCtxGetCurrent", 4000, Type.POINTER),
  CONTEXT_PUSH("cuCtxPushCurrent", 4000, Type.POINTER),
  CONTEXT_POP("cuCtxPopCurrent", 4000, Type.POINTER),
  CONTEXT_SYNCHRONIZE("cuCtxSynchronize", 2000),
  CONTEXT_PRIORITIES("cuCtxGetStreamPriorityRange", 5050, Type.POINTER, Type.POINTER),
  CONTEXT_ENABLE_PEER("cuCtxEnablePeerAccess", 4000, Type.POINTER, Type.INT),
  CONTEXT_DISABLE_PEER("cuCtxDisablePeerAccess", 4000, Type.POINTER),
  MEMORY_INFO("cuMemGetInfo", 3020, Type.POINTER, Type.POINTER),
  MEMORY_ALLOCATE("cuMemAlloc", 3020, Type.POINTER, Type.LONG),
  MEMORY_FREE("cuMemFree", 3020, Type.LONG),
  POOL_CREATE("cuMemPoolCreate", 11020, Type.POINTER, Type.POINTER),
  POOL_DESTROY("cuMemPoolDestroy", 11020, Type.POINTER),
  POOL_TRIM("cuMemPoolTrimTo", 11020, Type.POINTER, Type.LONG),
  POOL_SET("cuMemPoolSetAttribute", 11020, Type.POINTER, Type.INT, Type.POINTER),
  POOL_GET("cuMemPoolGetAttribute", 11020, Type.POINTER, Type.INT, Type.POINTER),
  POOL_ACCESS("cuMemPoolSetAccess", 11020, Type.POINTER, Type.POINTER, Type.LONG),
  POOL_ALLOCATE(
      "cuMemAllocFromPoolAsync", 11020, Type.POINTER, Type.LONG, Type.POINTER, Type.POINTER),
  POOL_FREE("cuMemFreeAsync", 11020, Type.LONG, Type.POINTER),
  HOST_ALLOCATE("cuMemHostAlloc", 2020, Type.POINTER, Type.LONG, Type.INT),
  HOST_FREE("cuMemFreeHost", 2000, Type.POINTER),
  HOST_REGISTER("cuMemHostRegister", 6050, Type.POINTER, Type.LONG, Type.INT),
  HOST_UNREGISTER("cuMemHostUnregister", 4000, Type.POINTER),
  HOST_DEVICE_POINTER("cuMemHostGetDevicePointer", 3020, Type.POINTER, Type.POINTER, Type.INT),
  POINTER_ATTRIBUTE("cuPointerGetAttribute", 4000, Type.POINTER, Type.INT, Type.LONG),
  COPY_TO_DEVICE("cuMemcpyHtoDAsync", 3020, Type.LONG, Type.POINTER, Type.LONG, Type.POINTER),
  COPY_TO_HOST("cuMemcpyDtoHAsync", 3020, Type.POINTER, Type.LONG, Type.LONG, Type.POINTER),
  COPY_ON_DEVICE("cuMemcpyDtoDAsync", 3020, Type.LONG, Type.LONG, Type.LONG, Type.POINTER),
  COPY("cuMemcpyAsync", 4000, Type.LONG, Type.LONG, Type.LONG, Type.POINTER),
  COPY_TO_PEER(
      "cuMemcpyPeerAsync",
      4000,
      Type.LONG,
      Type.POINTER,
      Type.LONG,
      Type.POINTER,
      Type.LONG,
      Type.POINTER),
  COPY_BATCH(
      "cuMemcpyBatchAsync",
      12080,
      Type.POINTER,
      Type.POINTER,
      Type.POINTER,
      Type.LONG,
      Type.POINTER,
      Type.POINTER,
      Type.LONG,
      Type.POINTER,
      Type.POINTER),
  FILL_BYTES("cuMemsetD8Async", 3020, Type.LONG, Type.BYTE, Type.LONG, Type.POINTER),
  FILL_WORDS("cuMemsetD32Async", 3020, Type.LONG, Type.INT, Type.LONG, Type.POINTER),
  STREAM_CREATE("cuStreamCreateWithPriority", 5050, Type.POINTER, Type.INT, Type.INT),
  STREAM_DESTROY("cuStreamDestroy", 4000, Type.POINTER),
  STREAM_QUERY("cuStreamQuery", 2000, Type.POINTER),
  STREAM_SYNCHRONIZE("cuStreamSynchronize", 2000, Type.POINTER),
  STREAM_WAIT("cuStreamWaitEvent", 3020, Type.POINTER, Type.POINTER, Type.INT),
  STREAM_BEGIN_CAPTURE("cuStreamBeginCapture", 10010, Type.POINTER, Type.INT),
  STREAM_END_CAPTURE("cuStreamEndCapture", 10000, Type.POINTER, Type.POINTER),
  STREAM_CAPTURING("cuStreamIsCapturing", 10000, Type.POINTER, Type.POINTER),
  EVENT_CREATE("cuEventCreate", 2000, Type.POINTER, Type.INT),
  EVENT_DESTROY("cuEventDestroy", 4000, Type.POINTER),
  EVENT_RECORD("cuEventRecord", 2000, Type.POINTER, Type.POINTER),
  EVENT_QUERY("cuEventQuery", 2000, Type.POINTER),
  EVENT_SYNCHRONIZE("cuEventSynchronize", 2000, Type.POINTER),
  EVENT_ELAPSED("cuEventElapsedTime", 2000, Type.POINTER, Type.POINTER, Type.POINTER),
  MODULE_LOAD(
      "cuModuleLoadDataEx", 2010, Type.POINTER, Type.POINTER, Type.INT, Type.POINTER, Type.POINTER),
  MODULE_UNLOAD("cuModuleUnload", 2000, Type.POINTER),
  MODULE_FUNCTION("cuModuleGetFunction", 2000, Type.POINTER, Type.POINTER, Type.POINTER),
  MODULE_GLOBAL("cuModuleGetGlobal", 3020, Type.POINTER, Type.POINTER, Type.POINTER, Type.POINTER),
  FUNCTION_ATTRIBUTE("cuFuncGetAttribute", 2020, Type.POINTER, Type.INT, Type.POINTER),
  FUNCTION_SET("cuFuncSetAttribute", 9000, Type.POINTER, Type.INT, Type.INT),
  FUNCTION_PARAMETER(
      "cuFuncGetParamInfo", 12040, Type.POINTER, Type.LONG, Type.POINTER, Type.POINTER),
  OCCUPANCY(
      "cuOccupancyMaxActiveBlocksPerMultiprocessor",
      6050,
      Type.POINTER,
      Type.POINTER,
      Type.INT,
      Type.LONG),
  LAUNCH_EXTENDED(
      "cuLaunchKernelEx", 11060, Type.POINTER, Type.POINTER, Type.POINTER, Type.POINTER),
  GRAPH_INSTANTIATE("cuGraphInstantiateWithFlags", 11040, Type.POINTER, Type.POINTER, Type.LONG),
  GRAPH_UPLOAD("cuGraphUpload", 11010, Type.POINTER, Type.POINTER),
  GRAPH_LAUNCH("cuGraphLaunch", 10000, Type.POINTER, Type.POINTER),
  GRAPH_UPDATE("cuGraphExecUpdate", 12000, Type.POINTER, Type.POINTER, Type.POINTER),
  GRAPH_NODES("cuGraphGetNodes", 10000, Type.POINTER, Type.POINTER, Type.POINTER),
  GRAPH_EXEC_DESTROY("cuGraphExecDestroy", 10000, Type.POINTER),
  GRAPH_DESTROY("cuGraphDestroy", 10000, Type.POINTER),
  ERROR_NAME("cuGetErrorName", 6000, Type.INT, Type.POINTER),
  ERROR_TEXT("cuGetErrorString", 6000, Type.INT, Type.POINTER);

  /** What a parameter is to the C compiler. */
  enum Type {
    /** A signed or unsigned integer, or an enumeration, of 32 bits. */
    INT(ValueLayout.JAVA_INT),
    /** An integer of 64 bits, an address on the device included. */
    LONG(ValueLayout.JAVA_LONG),
    /** A character. */
    BYTE(ValueLayout.JAVA_BYTE),
    /** A pointer or a handle; passed as its 64 bits. */
    POINTER(ValueLayout.JAVA_LONG);

    private final MemoryLayout layout;

    Type(MemoryLayout layout) {
      this.layout = layout;
    }
  }

  private final String symbol;
  private final int version;
  private final List<Type> parameters;

  EntryPoint(String symbol, int version, Type... parameters) {
    this.symbol = symbol;
    this.version = version;
    this.parameters = List.of(parameters);
  }

  /** The name in {@code cuda.h}, without a suffix. */
  String symbol() {
    return symbol;
  }

  /** The CUDA version whose form of the function this is: 1000 × major + 10 × minor. */
  int version() {
    return version;
  }

  List<Type> parameters() {
    return parameters;
  }

  FunctionDescriptor type() {
    return FunctionDescriptor.of(
        ValueLayout.JAVA_INT,
        parameters.stream().map(type -> type.layout).toArray(MemoryLayout[]::new));
  }

  /** Whether a driver may lack it: it is younger than the oldest driver that will do. */
  boolean optional() {
    return version > DriverSearch.OLDEST;
  }

  /**
   * Whether calls take well under a microsecond, never block and never call back, so that the
   * thread need not tell the JVM that it is away.
   */
  boolean brief() {
    return switch (this) {
      case EVENT_QUERY, CONTEXT_SET, CONTEXT_GET -> true;
      default -> false;
    };
  }
}
