package dev.serval.gpu.driver;

import static dev.serval.gpu.driver.Parameter.BYTE;
import static dev.serval.gpu.driver.Parameter.INT;
import static dev.serval.gpu.driver.Parameter.LONG;
import static dev.serval.gpu.driver.Parameter.POINTER;

import java.lang.foreign.FunctionDescriptor;
import java.util.List;

/**
 * The driver's functions, each as of the CUDA version that it is asked for, with its parameters.
 * This table is all that is known of them: calls are linked by it, and a test compares it with
 * {@code cuda.h}. Every function gives a {@code CUresult}.
 */
enum EntryPoint {
  INIT("cuInit", 2000, INT),
  DEVICE_COUNT("cuDeviceGetCount", 2000, POINTER),
  DEVICE("cuDeviceGet", 2000, POINTER, INT),
  DEVICE_NAME("cuDeviceGetName", 2000, POINTER, INT, INT),
  DEVICE_UUID("cuDeviceGetUuid", 11040, POINTER, INT),
  DEVICE_TOTAL_MEMORY("cuDeviceTotalMem", 3020, POINTER, INT),
  DEVICE_ATTRIBUTE("cuDeviceGetAttribute", 2000, POINTER, INT, INT),
  DEVICE_PCI_ADDRESS("cuDeviceGetPCIBusId", 4010, POINTER, INT, INT),
  DEVICE_PEERS("cuDeviceCanAccessPeer", 4000, POINTER, INT, INT),
  PRIMARY_RETAIN("cuDevicePrimaryCtxRetain", 7000, POINTER, INT),
  PRIMARY_RELEASE("cuDevicePrimaryCtxRelease", 11000, INT),
  CONTEXT_SET("cuCtxSetCurrent", 4000, POINTER),
  CONTEXT_GET("cuCtxGetCurrent", 4000, POINTER),
  CONTEXT_PUSH("cuCtxPushCurrent", 4000, POINTER),
  CONTEXT_POP("cuCtxPopCurrent", 4000, POINTER),
  CONTEXT_SYNCHRONIZE("cuCtxSynchronize", 2000),
  CONTEXT_PRIORITIES("cuCtxGetStreamPriorityRange", 5050, POINTER, POINTER),
  MEMORY_INFO("cuMemGetInfo", 3020, POINTER, POINTER),
  MEMORY_ALLOCATE("cuMemAlloc", 3020, POINTER, LONG),
  MEMORY_FREE("cuMemFree", 3020, LONG),
  POOL_CREATE("cuMemPoolCreate", 11020, POINTER, POINTER),
  POOL_DESTROY("cuMemPoolDestroy", 11020, POINTER),
  POOL_TRIM("cuMemPoolTrimTo", 11020, POINTER, LONG),
  POOL_SET("cuMemPoolSetAttribute", 11020, POINTER, INT, POINTER),
  POOL_GET("cuMemPoolGetAttribute", 11020, POINTER, INT, POINTER),
  POOL_ALLOCATE("cuMemAllocFromPoolAsync", 11020, POINTER, LONG, POINTER, POINTER),
  POOL_FREE("cuMemFreeAsync", 11020, LONG, POINTER),
  HOST_ALLOCATE("cuMemHostAlloc", 2020, POINTER, LONG, INT),
  HOST_FREE("cuMemFreeHost", 2000, POINTER),
  HOST_REGISTER("cuMemHostRegister", 6050, POINTER, LONG, INT),
  HOST_UNREGISTER("cuMemHostUnregister", 4000, POINTER),
  COPY_TO_DEVICE("cuMemcpyHtoDAsync", 3020, LONG, POINTER, LONG, POINTER),
  COPY_TO_HOST("cuMemcpyDtoHAsync", 3020, POINTER, LONG, LONG, POINTER),
  COPY_ON_DEVICE("cuMemcpyDtoDAsync", 3020, LONG, LONG, LONG, POINTER),
  COPY("cuMemcpyAsync", 4000, LONG, LONG, LONG, POINTER),
  COPY_BATCH(
      "cuMemcpyBatchAsync",
      12080,
      POINTER,
      POINTER,
      POINTER,
      LONG,
      POINTER,
      POINTER,
      LONG,
      POINTER,
      POINTER),
  FILL_BYTES("cuMemsetD8Async", 3020, LONG, BYTE, LONG, POINTER),
  FILL_WORDS("cuMemsetD32Async", 3020, LONG, INT, LONG, POINTER),
  STREAM_CREATE("cuStreamCreateWithPriority", 5050, POINTER, INT, INT),
  STREAM_DESTROY("cuStreamDestroy", 4000, POINTER),
  STREAM_QUERY("cuStreamQuery", 2000, POINTER),
  STREAM_SYNCHRONIZE("cuStreamSynchronize", 2000, POINTER),
  STREAM_WAIT("cuStreamWaitEvent", 3020, POINTER, POINTER, INT),
  STREAM_BEGIN_CAPTURE("cuStreamBeginCapture", 10010, POINTER, INT),
  STREAM_END_CAPTURE("cuStreamEndCapture", 10000, POINTER, POINTER),
  EVENT_CREATE("cuEventCreate", 2000, POINTER, INT),
  EVENT_DESTROY("cuEventDestroy", 4000, POINTER),
  EVENT_RECORD("cuEventRecord", 2000, POINTER, POINTER),
  EVENT_QUERY("cuEventQuery", 2000, POINTER),
  EVENT_SYNCHRONIZE("cuEventSynchronize", 2000, POINTER),
  EVENT_ELAPSED("cuEventElapsedTime", 2000, POINTER, POINTER, POINTER),
  MODULE_LOAD("cuModuleLoadDataEx", 2010, POINTER, POINTER, INT, POINTER, POINTER),
  MODULE_UNLOAD("cuModuleUnload", 2000, POINTER),
  MODULE_FUNCTION("cuModuleGetFunction", 2000, POINTER, POINTER, POINTER),
  FUNCTION_SET("cuFuncSetAttribute", 9000, POINTER, INT, INT),
  FUNCTION_PARAMETER("cuFuncGetParamInfo", 12040, POINTER, LONG, POINTER, POINTER),
  LAUNCH_EXTENDED("cuLaunchKernelEx", 11060, POINTER, POINTER, POINTER, POINTER),
  GRAPH_INSTANTIATE("cuGraphInstantiateWithFlags", 11040, POINTER, POINTER, LONG),
  GRAPH_UPLOAD("cuGraphUpload", 11010, POINTER, POINTER),
  GRAPH_LAUNCH("cuGraphLaunch", 10000, POINTER, POINTER),
  GRAPH_UPDATE("cuGraphExecUpdate", 12000, POINTER, POINTER, POINTER),
  GRAPH_NODES("cuGraphGetNodes", 10000, POINTER, POINTER, POINTER),
  GRAPH_EXEC_DESTROY("cuGraphExecDestroy", 10000, POINTER),
  GRAPH_DESTROY("cuGraphDestroy", 10000, POINTER),
  ERROR_NAME("cuGetErrorName", 6000, INT, POINTER),
  ERROR_TEXT("cuGetErrorString", 6000, INT, POINTER);

  private final String symbol;
  private final int version;
  private final List<Parameter> parameters;

  EntryPoint(String symbol, int version, Parameter... parameters) {
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

  List<Parameter> parameters() {
    return parameters;
  }

  FunctionDescriptor type() {
    return Parameter.function(parameters);
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
