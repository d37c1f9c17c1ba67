// The driver, found when the program runs, so that it builds and links where there is none.
#pragma once

#include <cuda.h>
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#define DRIVER_CALLS(X)                                                                                                                 \
  X(cuInit, "cuInit") X(cuDeviceGet, "cuDeviceGet") X(cuDeviceGetName, "cuDeviceGetName") X(cuDeviceGetAttribute, "cuDeviceGetAttribute") \
  X(cuDriverGetVersion, "cuDriverGetVersion") X(cuGetErrorString, "cuGetErrorString") X(cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain") \
  X(cuCtxSetCurrent, "cuCtxSetCurrent") X(cuMemAlloc, "cuMemAlloc_v2") X(cuMemFree, "cuMemFree_v2") X(cuMemsetD8, "cuMemsetD8_v2")       \
  X(cuMemHostAlloc, "cuMemHostAlloc") X(cuMemFreeHost, "cuMemFreeHost") X(cuMemcpyHtoD, "cuMemcpyHtoD_v2")                              \
  X(cuMemcpyDtoH, "cuMemcpyDtoH_v2") X(cuMemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2") X(cuMemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2")          \
  X(cuMemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2") X(cuModuleLoadData, "cuModuleLoadData") X(cuModuleGetFunction, "cuModuleGetFunction")    \
  X(cuFuncSetAttribute, "cuFuncSetAttribute") X(cuFuncGetAttribute, "cuFuncGetAttribute") X(cuLaunchKernelEx, "cuLaunchKernelEx")       \
  X(cuStreamCreate, "cuStreamCreate") X(cuStreamSynchronize, "cuStreamSynchronize") X(cuCtxSynchronize, "cuCtxSynchronize")             \
  X(cuStreamBeginCapture, "cuStreamBeginCapture_v2") X(cuStreamEndCapture, "cuStreamEndCapture")                                        \
  X(cuGraphInstantiate, "cuGraphInstantiateWithFlags") X(cuGraphLaunch, "cuGraphLaunch") X(cuGraphExecDestroy, "cuGraphExecDestroy")    \
  X(cuGraphDestroy, "cuGraphDestroy") X(cuEventCreate, "cuEventCreate") X(cuEventRecord, "cuEventRecord")                               \
  X(cuEventSynchronize, "cuEventSynchronize") X(cuEventElapsedTime, "cuEventElapsedTime_v2")

#undef cuMemAlloc
#undef cuMemFree
#undef cuMemsetD8
#undef cuMemcpyHtoD
#undef cuMemcpyDtoH
#undef cuMemcpyHtoDAsync
#undef cuMemcpyDtoHAsync
#undef cuMemcpyDtoDAsync
#undef cuStreamBeginCapture
#undef cuGraphInstantiate
#undef cuEventElapsedTime
#undef cuDevicePrimaryCtxRelease

// The types of the calls, under the names that the program uses.
struct Driver {
  CUresult (*cuInit)(unsigned);
  CUresult (*cuDeviceGet)(CUdevice*, int);
  CUresult (*cuDeviceGetName)(char*, int, CUdevice);
  CUresult (*cuDeviceGetAttribute)(int*, CUdevice_attribute, CUdevice);
  CUresult (*cuDriverGetVersion)(int*);
  CUresult (*cuGetErrorString)(CUresult, const char**);
  CUresult (*cuDevicePrimaryCtxRetain)(CUcontext*, CUdevice);
  CUresult (*cuCtxSetCurrent)(CUcontext);
  CUresult (*cuMemAlloc)(CUdeviceptr*, size_t);
  CUresult (*cuMemFree)(CUdeviceptr);
  CUresult (*cuMemsetD8)(CUdeviceptr, unsigned char, size_t);
  CUresult (*cuMemHostAlloc)(void**, size_t, unsigned);
  CUresult (*cuMemFreeHost)(void*);
  CUresult (*cuMemcpyHtoD)(CUdeviceptr, const void*, size_t);
  CUresult (*cuMemcpyDtoH)(void*, CUdeviceptr, size_t);
  CUresult (*cuMemcpyHtoDAsync)(CUdeviceptr, const void*, size_t, CUstream);
  CUresult (*cuMemcpyDtoHAsync)(void*, CUdeviceptr, size_t, CUstream);
  CUresult (*cuMemcpyDtoDAsync)(CUdeviceptr, CUdeviceptr, size_t, CUstream);
  CUresult (*cuModuleLoadData)(CUmodule*, const void*);
  CUresult (*cuModuleGetFunction)(CUfunction*, CUmodule, const char*);
  CUresult (*cuFuncSetAttribute)(CUfunction, CUfunction_attribute, int);
  CUresult (*cuFuncGetAttribute)(int*, CUfunction_attribute, CUfunction);
  CUresult (*cuLaunchKernelEx)(const CUlaunchConfig*, CUfunction, void**, void**);
  CUresult (*cuStreamCreate)(CUstream*, unsigned);
  CUresult (*cuStreamSynchronize)(CUstream);
  CUresult (*cuCtxSynchronize)();
  CUresult (*cuStreamBeginCapture)(CUstream, CUstreamCaptureMode);
  CUresult (*cuStreamEndCapture)(CUstream, CUgraph*);
  CUresult (*cuGraphInstantiate)(CUgraphExec*, CUgraph, unsigned long long);
  CUresult (*cuGraphLaunch)(CUgraphExec, CUstream);
  CUresult (*cuGraphExecDestroy)(CUgraphExec);
  CUresult (*cuGraphDestroy)(CUgraph);
  CUresult (*cuEventCreate)(CUevent*, unsigned);
  CUresult (*cuEventRecord)(CUevent, CUstream);
  CUresult (*cuEventSynchronize)(CUevent);
  CUresult (*cuEventElapsedTime)(float*, CUevent, CUevent);

  // False where there is no driver.
  bool find() {
    void* library = dlopen("libcuda.so.1", RTLD_NOW);
    if (!library) return false;
    bool all = true;
    auto symbol = [&](const char* name, const char* older) {
      void* at = dlsym(library, name);
      if (!at && older) at = dlsym(library, older);
      if (!at) {
        printf("the driver has no %s\n", name);
        all = false;
      }
      return at;
    };
#define FIND(member, name) *(void**)&member = symbol(name, #member);
    DRIVER_CALLS(FIND)
#undef FIND
    return all;
  }
};

struct Kernel {
  CUfunction function;
  unsigned threads;
  unsigned shared;
};

struct Grid {
  unsigned x = 1, y = 1, z = 1;
};

constexpr unsigned ALONE = 114 << 10; // with so much shared memory, no two blocks share a multiprocessor

// One device, in one process: ends it with a sentence when a call fails.
class Gpu {
 public:
  Driver driver;
  CUdevice device;
  CUstream stream;
  int multiprocessors = 0;
  int carveout = -1; // how much of a multiprocessor's nearest memory kernels shall share, in percent; -1: as the driver has it

  // The folder holds *.cubin; the list says the threads and the shared memory of each kernel.
  Gpu(const std::string& folder, const std::string& list) : folder(folder) {
    if (!driver.find()) fail("libcuda.so.1 cannot be used");
    check(driver.cuInit(0), "cuInit");
    check(driver.cuDeviceGet(&device, 0), "cuDeviceGet");
    CUcontext context;
    check(driver.cuDevicePrimaryCtxRetain(&context, device), "cuDevicePrimaryCtxRetain");
    check(driver.cuCtxSetCurrent(context), "cuCtxSetCurrent");
    check(driver.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), "cuStreamCreate");
    multiprocessors = attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
    std::ifstream lines(list);
    if (!lines) fail("no list of kernels at " + list);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string name, structure;
      Listed kernel;
      if (words >> name >> structure >> kernel.threads >> kernel.shared >> kernel.blocks) listed[name] = kernel;
    }
  }

  int attribute(CUdevice_attribute which) {
    int value = 0;
    check(driver.cuDeviceGetAttribute(&value, which, device), "cuDeviceGetAttribute");
    return value;
  }

  // From a file FILE.cubin of the folder. Kernels that are not in the list say their own threads, and use no dynamic shared memory.
  Kernel kernel(const std::string& file, const std::string& name, unsigned threads = 0) {
    auto known = kernels.find(name);
    if (known != kernels.end()) return known->second;
    Kernel kernel = {nullptr, threads, 0};
    check(driver.cuModuleGetFunction(&kernel.function, module(file), name.c_str()), name.c_str());
    if (listed.count(name)) {
      kernel.threads = listed[name].threads;
      kernel.shared = listed[name].shared;
    }
    if (kernel.threads == 0) fail("the list of kernels lacks " + name);
    unsigned most = std::max(kernel.shared, name.rfind("wgmma_", 0) == 0 ? ALONE : 0);
    if (most > 0) // with what is static it may be more than a kernel has by itself
      check(driver.cuFuncSetAttribute(kernel.function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, (int)most), name.c_str());
    if (carveout >= 0) check(driver.cuFuncSetAttribute(kernel.function, CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, carveout), name.c_str());
    return kernels[name] = kernel;
  }

  template <class Argument> void launch(const Kernel& kernel, Grid grid, Argument argument, bool early = false) {
    CUlaunchAttribute attribute = {};
    attribute.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
    attribute.value.programmaticStreamSerializationAllowed = 1;
    CUlaunchConfig config = {};
    config.gridDimX = grid.x;
    config.gridDimY = grid.y;
    config.gridDimZ = grid.z;
    config.blockDimX = kernel.threads;
    config.blockDimY = config.blockDimZ = 1;
    config.sharedMemBytes = kernel.shared;
    config.hStream = stream;
    config.attrs = &attribute;
    config.numAttrs = early ? 1 : 0;
    void* arguments[] = {&argument};
    check(driver.cuLaunchKernelEx(&config, kernel.function, arguments, nullptr), "cuLaunchKernelEx");
  }

  bool lists(const std::string& kernel) const { return listed.count(kernel) != 0; }
  // How many blocks a multiprocessor is meant to hold.
  int blocks(const std::string& kernel) const { return (int)listed.at(kernel).blocks; }

  CUdeviceptr allocate(size_t bytes) {
    CUdeviceptr at = 0;
    check(driver.cuMemAlloc(&at, bytes), "cuMemAlloc");
    return at;
  }
  void release(CUdeviceptr at) { check(driver.cuMemFree(at), "cuMemFree"); }
  void fill(CUdeviceptr at, unsigned char value, size_t bytes) {
    check(driver.cuMemsetD8(at, value, bytes), "cuMemsetD8");
    check(driver.cuCtxSynchronize(), "cuMemsetD8");
  }
  template <class T> std::vector<T> read(CUdeviceptr at, size_t count) {
    std::vector<T> values(count);
    check(driver.cuMemcpyDtoH(values.data(), at, count * sizeof(T)), "cuMemcpyDtoH");
    return values;
  }
  // The copy may still be under way when the call returns, and the stream does not wait for it.
  void write(CUdeviceptr at, const void* from, size_t bytes) {
    check(driver.cuMemcpyHtoD(at, from, bytes), "cuMemcpyHtoD");
    check(driver.cuCtxSynchronize(), "cuMemcpyHtoD");
  }
  void wait() { check(driver.cuStreamSynchronize(stream), "cuStreamSynchronize"); }

  // Microseconds of each call, the median of several.
  double time(int repeats, const std::function<void(int)>& work) {
    std::vector<float> times;
    CUevent begin, end;
    check(driver.cuEventCreate(&begin, 0), "cuEventCreate");
    check(driver.cuEventCreate(&end, 0), "cuEventCreate");
    for (int i = -2; i < repeats; i++) {
      check(driver.cuEventRecord(begin, stream), "cuEventRecord");
      work(i + 2);
      check(driver.cuEventRecord(end, stream), "cuEventRecord");
      check(driver.cuEventSynchronize(end), "cuEventSynchronize");
      float ms = 0;
      check(driver.cuEventElapsedTime(&ms, begin, end), "cuEventElapsedTime");
      if (i >= 0) times.push_back(ms * 1000);
    }
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
  }

  // Work recorded, to be launched as one.
  CUgraphExec record(const std::function<void()>& work) {
    CUgraph graph;
    CUgraphExec exec;
    check(driver.cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED), "cuStreamBeginCapture");
    work();
    check(driver.cuStreamEndCapture(stream, &graph), "cuStreamEndCapture");
    check(driver.cuGraphInstantiate(&exec, graph, 0), "cuGraphInstantiate");
    check(driver.cuGraphDestroy(graph), "cuGraphDestroy");
    return exec;
  }
  void launch(CUgraphExec exec) { check(driver.cuGraphLaunch(exec, stream), "cuGraphLaunch"); }

  void check(CUresult result, const char* what) {
    if (result == CUDA_SUCCESS) return;
    const char* text = "?";
    if (driver.cuGetErrorString) driver.cuGetErrorString(result, &text);
    fail(std::string(what) + ": " + text + " (" + std::to_string((int)result) + ")");
  }
  [[noreturn]] static void fail(const std::string& what) {
    printf("FAILED: %s\n", what.c_str());
    fflush(stdout);
    _exit(3);
  }

 private:
  std::string folder;
  struct Listed {
    unsigned threads, shared, blocks;
  };
  std::map<std::string, Listed> listed;
  std::map<std::string, CUmodule> modules;
  std::map<std::string, Kernel> kernels;

  CUmodule module(const std::string& file) {
    auto known = modules.find(file);
    if (known != modules.end()) return known->second;
    std::ifstream in(folder + "/" + file + ".cubin", std::ios::binary);
    if (!in) fail("no " + folder + "/" + file + ".cubin");
    std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    CUmodule module;
    check(driver.cuModuleLoadData(&module, bytes.data()), file.c_str());
    return modules[file] = module;
  }
};
