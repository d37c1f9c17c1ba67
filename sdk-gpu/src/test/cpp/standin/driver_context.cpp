// The driver itself, devices and contexts.
#include "api.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

using namespace standin;

namespace standin {

std::vector<Procedure>& procedures() {
  static std::vector<Procedure> all;
  return all;
}

bool enlist(const char* base, int version, void* address) {
  procedures().push_back({base, version, address});
  return true;
}

std::vector<Handle>& contextStack() {
  thread_local std::vector<Handle> stack;
  return stack;
}

Context* currentContext(Machine& machine) {
  auto& stack = contextStack();
  if (stack.empty()) return nullptr;
  auto found = machine.contexts.find(stack.back());
  return found == machine.contexts.end() ? nullptr : found->second;
}

int health(const Context* context) {
  return context->device->lost != 0 ? context->device->lost : context->sticky;
}

int admit(Machine& machine, const char* name, Need need, Context*& context) {
  machine.calls[name]++;
  if (int code = machine.injected(name)) return code;
  if (need == Need::NOTHING) return SUCCESS;
  if (!machine.initialised) return NOT_INITIALIZED;
  context = currentContext(machine);
  if (need == Need::DRIVER) return SUCCESS;
  if (context == nullptr) return contextStack().empty() || contextStack().back() == 0 ? INVALID_CONTEXT : CONTEXT_IS_DESTROYED;
  return need == Need::HEALTHY ? health(context) : SUCCESS;
}

Device* deviceOf(Machine& machine, int ordinal) {
  if (ordinal < 0 || ordinal >= int(machine.devices.size())) return nullptr;
  return machine.devices[ordinal].get();
}

Stream* streamOf(Entry& entry, Handle handle) {
  if (handle == 0 || handle == 1) return entry.context->null.get();
  auto found = entry.machine.streams.find(handle);
  return found == entry.machine.streams.end() ? nullptr : found->second.get();
}

int badHandle(Entry& entry, const char* what, Handle handle) {
  char text[64];
  snprintf(text, sizeof text, "%s 0x%lx", what, (unsigned long)handle);
  auto before = entry.machine.destroyed.find(handle);
  if (before != entry.machine.destroyed.end()) {
    entry.machine.violation(std::string(text) + " was used after " + before->second);
  } else {
    entry.machine.violation(std::string(text) + " was never given out");
  }
  return INVALID_HANDLE;
}

namespace {

template <class T> void forget(Machine& machine, Table<T>& table, Context* context) {
  for (auto at = table.begin(); at != table.end();) {
    if (at->second->context == context) {
      machine.destroyed[at->first] = "its context went";
      at = table.erase(at);
    } else {
      ++at;
    }
  }
}

void forgetBlocks(Machine& machine, Context* context) {
  std::vector<BlockRef> left;
  for (auto& [begin, block] : machine.blocks) {
    if (block->context == context) left.push_back(block);
  }
  for (const BlockRef& block : left) machine.release(block, "the release of its context", true);
}

} // namespace

void destroyContext(Entry& entry, Context* context) {
  Machine& machine = entry.machine;
  machine.drain(entry.lock, context);
  if (machine.leakCount(context) > 0 && health(context) == 0) {
    machine.violation("leak at the release of the context of device " + std::to_string(context->device->ordinal) + ": " +
                      machine.leaks(context));
  }
  forget(machine, machine.executables, context);
  forget(machine, machine.graphs, context);
  forget(machine, machine.functions, context);
  forget(machine, machine.modules, context);
  forget(machine, machine.events, context);
  for (auto& [handle, stream] : machine.streams) {
    if (stream->context == context) machine.forgetStream(stream.get());
  }
  machine.forgetStream(context->null.get());
  forget(machine, machine.streams, context);
  forgetBlocks(machine, context);
  machine.trimAll(context->device);
  machine.contexts.erase(context->handle);
  machine.destroyed[context->handle] = "cuCtxDestroy or the last cuDevicePrimaryCtxRelease";
}

} // namespace standin

namespace {

std::unique_ptr<Context> newContext(Machine& machine, Device* device) {
  auto context = std::make_unique<Context>();
  context->handle = machine.handle();
  context->device = device;
  context->null = std::make_unique<Stream>();
  context->null->context = context.get();
  context->null->number = ++machine.nextStream;
  machine.contexts[context->handle] = context.get();
  return context;
}

struct ErrorText {
  int code;
  const char* name;
  const char* text;
};

const ErrorText ERRORS[] = {
    {0, "CUDA_SUCCESS", "no error"},
    {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {34, "CUDA_ERROR_STUB_LIBRARY", "the library is a stub"},
    {36, "CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER", "the call requires a newer driver"},
    {46, "CUDA_ERROR_DEVICE_UNAVAILABLE", "the device is busy or unavailable"},
    {100, "CUDA_ERROR_NO_DEVICE", "no device was found"},
    {101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {200, "CUDA_ERROR_INVALID_IMAGE", "the kernel image is invalid"},
    {201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {209, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image for this device"},
    {214, "CUDA_ERROR_ECC_UNCORRECTABLE", "uncorrectable ECC error"},
    {218, "CUDA_ERROR_INVALID_PTX", "PTX compilation failed"},
    {220, "CUDA_ERROR_NVLINK_UNCORRECTABLE", "uncorrectable NVLink error"},
    {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the PTX version is not supported"},
    {400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {401, "CUDA_ERROR_ILLEGAL_STATE", "illegal state"},
    {500, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {600, "CUDA_ERROR_NOT_READY", "not ready"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "illegal memory access"},
    {701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {702, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out"},
    {704, "CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED", "peer access is already enabled"},
    {705, "CUDA_ERROR_PEER_ACCESS_NOT_ENABLED", "peer access is not enabled"},
    {708, "CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE", "the primary context is in use"},
    {709, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "the context is destroyed"},
    {712, "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED", "the memory is already registered"},
    {713, "CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED", "the memory is not registered"},
    {719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {801, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "the driver and its library do not match"},
    {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "not permitted while a stream is being captured"},
    {901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "the capture was invalidated"},
    {902, "CUDA_ERROR_STREAM_CAPTURE_MERGE", "two captures would be merged"},
    {903, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED", "the capture was not begun in this stream"},
    {904, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED", "the capture has a stream that was not joined"},
    {905, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION", "a dependency would cross the capture's bounds"},
    {906, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT", "an implicit dependency on the default stream"},
    {907, "CUDA_ERROR_CAPTURED_EVENT", "the event was recorded in a capture"},
    {908, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD", "the capture was begun by another thread"},
    {910, "CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE", "the graph could not be updated"},
    {999, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

const ErrorText* errorOf(int code) {
  for (const ErrorText& error : ERRORS) {
    if (error.code == code) return &error;
  }
  return nullptr;
}

int sharedPerBlock(const DeviceSettings& settings) {
  int capability = settings.major * 10 + settings.minor;
  if (capability >= 90 && capability < 120) return 232448;
  if (capability == 80 || capability == 87) return 166912;
  if (capability >= 86) return 101376;
  return capability >= 75 ? 65536 : 98304;
}

int attributeOf(const Device& device, int attribute, int& value) {
  const DeviceSettings& settings = device.settings;
  switch (attribute) {
    case 1: value = 1024; break;                  // threads of a block
    case 2: case 3: value = 1024; break;
    case 4: value = 64; break;
    case 5: value = 2147483647; break;            // grid
    case 6: case 7: value = 65535; break;
    case 8: value = 49152; break;                 // shared memory of a block
    case 9: value = 65536; break;
    case 10: value = 32; break;                   // warp
    case 12: case 82: value = 65536; break;       // registers
    case 13: value = 1980000; break;              // kHz
    case 14: value = 512; break;
    case 15: value = 1; break;
    case 16: value = settings.processors; break;
    case 18: value = 0; break;
    case 19: value = 1; break;
    case 20: value = 0; break;
    case 31: value = 1; break;
    case 32: value = settings.ecc; break;
    case 33: value = settings.busId; break;
    case 34: value = 0; break;
    case 36: value = 2619000; break;              // kHz
    case 37: value = 5120; break;                 // bits
    case 38: value = 50 << 20; break;             // L2
    case 39: value = settings.major == 8 && settings.minor != 0 ? 1536 : 2048; break;
    case 40: value = 3; break;                    // copy engines
    case 41: value = 1; break;
    case 50: value = 0; break;
    case 75: value = settings.major; break;
    case 76: value = settings.minor; break;
    case 78: value = 1; break;
    case 81: value = sharedPerBlock(settings) + 1024; break;
    case 83: value = 0; break;                    // managed memory
    case 88: case 89: case 100: value = 0; break; // pageable access
    case 90: value = 1; break;
    case 91: value = 1; break;                    // registered memory under the host's address
    case 95: value = 1; break;
    case 97: value = sharedPerBlock(settings); break;
    case 99: value = 1; break;
    case 102: value = 0; break;                   // virtual memory management
    case 106: value = settings.major == 8 && settings.minor != 0 ? 16 : 32; break;
    case 111: value = 1024; break;
    case 115: value = 1; break;                   // pools
    case 116: value = settings.busId >= 0 && Machine::get().settings.gpuDirect; break;
    case 119: value = 0; break;
    case 120: value = settings.major >= 9; break; // clusters
    case 124: value = 0; break;
    case 134: value = settings.numa; break;
    default: value = 0; return attribute >= 1 && attribute <= 200 ? SUCCESS : INVALID_VALUE;
  }
  return SUCCESS;
}

template <class Body> int withDevice(const char* name, int ordinal, Body body) {
  return enter(name, Need::DRIVER, [&](Entry& entry) -> int {
    Device* device = deviceOf(entry.machine, ordinal);
    return device == nullptr ? INVALID_DEVICE : body(entry, *device);
  });
}

} // namespace

EXPORTED int cuInit(unsigned flags) {
  return enter("cuInit", Need::NOTHING, [&](Entry& entry) -> int {
    if (flags != 0) return INVALID_VALUE;
    if (entry.machine.settings.initCode != 0) return entry.machine.settings.initCode;
    if (entry.machine.devices.empty()) return NO_DEVICE;
    entry.machine.initialised = true;
    entry.machine.start();
    return SUCCESS;
  });
}
PROCEDURE(cuInit, 2000, cuInit)

EXPORTED int cuDriverGetVersion(int* version) {
  return enter("cuDriverGetVersion", Need::NOTHING, [&](Entry& entry) -> int {
    if (version == nullptr) return INVALID_VALUE;
    *version = entry.machine.settings.driver;
    return SUCCESS;
  });
}
PROCEDURE(cuDriverGetVersion, 2020, cuDriverGetVersion)

EXPORTED int cuGetErrorName(int code, const char** name) {
  const ErrorText* error = errorOf(code);
  *name = error == nullptr ? nullptr : error->name;
  return error == nullptr ? INVALID_VALUE : SUCCESS;
}
PROCEDURE(cuGetErrorName, 6000, cuGetErrorName)

EXPORTED int cuGetErrorString(int code, const char** text) {
  const ErrorText* error = errorOf(code);
  *text = error == nullptr ? nullptr : error->text;
  return error == nullptr ? INVALID_VALUE : SUCCESS;
}
PROCEDURE(cuGetErrorString, 6000, cuGetErrorString)

namespace {

int procAddress(const char* symbol, void** function, int version, uint64_t flags, int* status) {
  return enter("cuGetProcAddress", Need::NOTHING, [&](Entry& entry) -> int {
    const Settings& settings = entry.machine.settings;
    if (symbol == nullptr || function == nullptr || flags > 2) return INVALID_VALUE;
    if (version > settings.driver) return INVALID_VALUE;
    *function = nullptr;
    int best = 0;
    bool known = false;
    std::string name(symbol);
    bool hidden = (" " + settings.hidden + " ").find(" " + name + " ") != std::string::npos;
    if (name == "cuMemcpyBatchAsync" && !settings.batchCopies) hidden = true;
    for (const Procedure& procedure : procedures()) {
      if (hidden || name != procedure.base || procedure.version > settings.driver) continue;
      known = true;
      if (procedure.version > version || procedure.version <= best) continue;
      best = procedure.version;
      *function = procedure.address;
    }
    if (status != nullptr) *status = *function != nullptr ? 0 : known ? 2 : 1;
    if (*function == nullptr && status == nullptr) return NOT_FOUND;
    return SUCCESS;
  });
}

} // namespace

EXPORTED int cuGetProcAddress(const char* symbol, void** function, int version, uint64_t flags) {
  return procAddress(symbol, function, version, flags, nullptr);
}
PROCEDURE(cuGetProcAddress, 11030, cuGetProcAddress)

EXPORTED int cuGetProcAddress_v2(const char* symbol, void** function, int version, uint64_t flags, int* status) {
  return procAddress(symbol, function, version, flags, status);
}
PROCEDURE(cuGetProcAddress, 12000, cuGetProcAddress_v2)

EXPORTED int cuDeviceGetCount(int* count) {
  return enter("cuDeviceGetCount", Need::DRIVER, [&](Entry& entry) -> int {
    *count = int(entry.machine.devices.size());
    return SUCCESS;
  });
}
PROCEDURE(cuDeviceGetCount, 2000, cuDeviceGetCount)

EXPORTED int cuDeviceGet(int* device, int ordinal) {
  return withDevice("cuDeviceGet", ordinal, [&](Entry&, Device&) -> int {
    *device = ordinal;
    return SUCCESS;
  });
}
PROCEDURE(cuDeviceGet, 2000, cuDeviceGet)

EXPORTED int cuDeviceGetName(char* name, int capacity, int ordinal) {
  return withDevice("cuDeviceGetName", ordinal, [&](Entry&, Device& device) -> int {
    snprintf(name, capacity, "%s", device.settings.name.c_str());
    return SUCCESS;
  });
}
PROCEDURE(cuDeviceGetName, 2000, cuDeviceGetName)

EXPORTED int cuDeviceGetUuid(Uuid* uuid, int ordinal) {
  return withDevice("cuDeviceGetUuid", ordinal, [&](Entry&, Device& device) -> int {
    *uuid = device.uuid();
    return SUCCESS;
  });
}
PROCEDURE(cuDeviceGetUuid, 9020, cuDeviceGetUuid)

// Where a device is cut into instances, a process sees the first of them.
EXPORTED int cuDeviceGetUuid_v2(Uuid* uuid, int ordinal) {
  return withDevice("cuDeviceGetUuid", ordinal, [&](Entry&, Device& device) -> int {
    *uuid = device.uuid(device.settings.migInstances > 0 ? 0 : -1);
    return SUCCESS;
  });
}
PROCEDURE(cuDeviceGetUuid, 11040, cuDeviceGetUuid_v2)

EXPORTED int cuDeviceTotalMem_v2(size_t* bytes, int ordinal) {
  return withDevice("cuDeviceTotalMem", ordinal, [&](Entry&, Device& device) -> int {
    *bytes = device.memoryOf(device.settings.migInstances > 0 ? 0 : -1);
    return SUCCESS;
  });
}
PROCEDURE(cuDeviceTotalMem, 3020, cuDeviceTotalMem_v2)

EXPORTED int cuDeviceGetAttribute(int* value, int attribute, int ordinal) {
  return withDevice("cuDeviceGetAttribute", ordinal,
                    [&](Entry&, Device& device) -> int { return attributeOf(device, attribute, *value); });
}
PROCEDURE(cuDeviceGetAttribute, 2000, cuDeviceGetAttribute)

EXPORTED int cuDeviceGetPCIBusId(char* text, int capacity, int ordinal) {
  return withDevice("cuDeviceGetPCIBusId", ordinal, [&](Entry&, Device& device) -> int {
    snprintf(text, capacity, "%s", device.busName().c_str());
    return SUCCESS;
  });
}
PROCEDURE(cuDeviceGetPCIBusId, 4010, cuDeviceGetPCIBusId)

EXPORTED int cuDeviceGetByPCIBusId(int* ordinal, const char* text) {
  return enter("cuDeviceGetByPCIBusId", Need::DRIVER, [&](Entry& entry) -> int {
    for (auto& device : entry.machine.devices) {
      if (device->busName() == text) {
        *ordinal = device->ordinal;
        return SUCCESS;
      }
    }
    return INVALID_DEVICE;
  });
}
PROCEDURE(cuDeviceGetByPCIBusId, 4010, cuDeviceGetByPCIBusId)

EXPORTED int cuDeviceCanAccessPeer(int* can, int ordinal, int peer) {
  return withDevice("cuDeviceCanAccessPeer", ordinal, [&](Entry& entry, Device&) -> int {
    if (deviceOf(entry.machine, peer) == nullptr) return INVALID_DEVICE;
    *can = ordinal != peer && entry.machine.settings.peers;
    return SUCCESS;
  });
}
PROCEDURE(cuDeviceCanAccessPeer, 4000, cuDeviceCanAccessPeer)

EXPORTED int cuDeviceGetP2PAttribute(int* value, int attribute, int source, int target) {
  return withDevice("cuDeviceGetP2PAttribute", source, [&](Entry& entry, Device&) -> int {
    if (deviceOf(entry.machine, target) == nullptr || source == target) return INVALID_DEVICE;
    *value = attribute == 1 ? !entry.machine.settings.nvlink : entry.machine.settings.peers;
    return SUCCESS;
  });
}
PROCEDURE(cuDeviceGetP2PAttribute, 8000, cuDeviceGetP2PAttribute)

EXPORTED int cuDevicePrimaryCtxRetain(Handle* context, int ordinal) {
  return withDevice("cuDevicePrimaryCtxRetain", ordinal, [&](Entry& entry, Device& device) -> int {
    if (device.lost != 0) return device.lost;
    if (device.primary == nullptr) {
      device.primary = newContext(entry.machine, &device);
      device.primary->primary = true;
    }
    device.primary->references++;
    *context = device.primary->handle;
    return SUCCESS;
  });
}
PROCEDURE(cuDevicePrimaryCtxRetain, 7000, cuDevicePrimaryCtxRetain)

EXPORTED int cuDevicePrimaryCtxRelease_v2(int ordinal) {
  return withDevice("cuDevicePrimaryCtxRelease", ordinal, [&](Entry& entry, Device& device) -> int {
    if (device.primary == nullptr) {
      entry.machine.violation("cuDevicePrimaryCtxRelease of device " + std::to_string(ordinal) + ", whose context is not retained");
      return INVALID_CONTEXT;
    }
    if (--device.primary->references > 0) return SUCCESS;
    destroyContext(entry, device.primary.get());
    device.primary.reset();
    return SUCCESS;
  });
}
PROCEDURE(cuDevicePrimaryCtxRelease, 11000, cuDevicePrimaryCtxRelease_v2)

EXPORTED int cuDevicePrimaryCtxReset_v2(int ordinal) {
  return withDevice("cuDevicePrimaryCtxReset", ordinal, [&](Entry& entry, Device& device) -> int {
    if (device.primary == nullptr) return SUCCESS;
    if (device.lost != 0) return device.lost;
    destroyContext(entry, device.primary.get());
    device.primary.reset();
    return SUCCESS;
  });
}
PROCEDURE(cuDevicePrimaryCtxReset, 11000, cuDevicePrimaryCtxReset_v2)

EXPORTED int cuDevicePrimaryCtxGetState(int ordinal, unsigned* flags, int* active) {
  return withDevice("cuDevicePrimaryCtxGetState", ordinal, [&](Entry&, Device& device) -> int {
    *flags = device.primary == nullptr ? 0 : device.primary->flags;
    *active = device.primary != nullptr;
    return SUCCESS;
  });
}
PROCEDURE(cuDevicePrimaryCtxGetState, 7000, cuDevicePrimaryCtxGetState)

EXPORTED int cuDevicePrimaryCtxSetFlags_v2(int ordinal, unsigned flags) {
  return withDevice("cuDevicePrimaryCtxSetFlags", ordinal, [&](Entry&, Device& device) -> int {
    if (device.primary != nullptr) device.primary->flags = flags;
    return SUCCESS;
  });
}
PROCEDURE(cuDevicePrimaryCtxSetFlags, 11000, cuDevicePrimaryCtxSetFlags_v2)

EXPORTED int cuCtxCreate_v2(Handle* context, unsigned flags, int ordinal) {
  return withDevice("cuCtxCreate", ordinal, [&](Entry& entry, Device& device) -> int {
    if (device.lost != 0) return device.lost;
    entry.machine.ownContexts.push_back(newContext(entry.machine, &device));
    entry.machine.ownContexts.back()->flags = flags;
    *context = entry.machine.ownContexts.back()->handle;
    contextStack().push_back(*context);
    return SUCCESS;
  });
}
PROCEDURE(cuCtxCreate, 3020, cuCtxCreate_v2)

EXPORTED int cuCtxCreate_v4(Handle* context, void*, unsigned flags, int ordinal) { return cuCtxCreate_v2(context, flags, ordinal); }
PROCEDURE(cuCtxCreate, 12050, cuCtxCreate_v4)

EXPORTED int cuCtxDestroy_v2(Handle handle) {
  return enter("cuCtxDestroy", Need::DRIVER, [&](Entry& entry) -> int {
    auto found = entry.machine.contexts.find(handle);
    if (found == entry.machine.contexts.end()) return badHandle(entry, "context", handle);
    Context* context = found->second;
    if (context->primary) return INVALID_CONTEXT;
    destroyContext(entry, context);
    std::erase_if(entry.machine.ownContexts, [&](auto& own) { return own.get() == context; });
    auto& stack = contextStack();
    if (!stack.empty() && stack.back() == handle) stack.pop_back();
    return SUCCESS;
  });
}
PROCEDURE(cuCtxDestroy, 4000, cuCtxDestroy_v2)

EXPORTED int cuCtxSetCurrent(Handle handle) {
  return enter("cuCtxSetCurrent", Need::DRIVER, [&](Entry& entry) -> int {
    auto& stack = contextStack();
    if (handle != 0 && !entry.machine.contexts.contains(handle)) {
      badHandle(entry, "context", handle);
      return CONTEXT_IS_DESTROYED;
    }
    if (!stack.empty()) stack.pop_back();
    if (handle != 0) stack.push_back(handle);
    return SUCCESS;
  });
}
PROCEDURE(cuCtxSetCurrent, 4000, cuCtxSetCurrent)

EXPORTED int cuCtxGetCurrent(Handle* handle) {
  return enter("cuCtxGetCurrent", Need::DRIVER, [&](Entry&) -> int {
    *handle = contextStack().empty() ? 0 : contextStack().back();
    return SUCCESS;
  });
}
PROCEDURE(cuCtxGetCurrent, 4000, cuCtxGetCurrent)

EXPORTED int cuCtxPushCurrent_v2(Handle handle) {
  return enter("cuCtxPushCurrent", Need::DRIVER, [&](Entry& entry) -> int {
    if (!entry.machine.contexts.contains(handle)) {
      badHandle(entry, "context", handle);
      return INVALID_CONTEXT;
    }
    contextStack().push_back(handle);
    return SUCCESS;
  });
}
PROCEDURE(cuCtxPushCurrent, 4000, cuCtxPushCurrent_v2)

EXPORTED int cuCtxPopCurrent_v2(Handle* handle) {
  return enter("cuCtxPopCurrent", Need::DRIVER, [&](Entry&) -> int {
    auto& stack = contextStack();
    if (stack.empty()) return INVALID_CONTEXT;
    if (handle != nullptr) *handle = stack.back();
    stack.pop_back();
    return SUCCESS;
  });
}
PROCEDURE(cuCtxPopCurrent, 4000, cuCtxPopCurrent_v2)

EXPORTED int cuCtxGetDevice(int* device) {
  return enter("cuCtxGetDevice", Need::CONTEXT, [&](Entry& entry) -> int {
    *device = entry.context->device->ordinal;
    return SUCCESS;
  });
}
PROCEDURE(cuCtxGetDevice, 2000, cuCtxGetDevice)

EXPORTED int cuCtxSynchronize() {
  return enter("cuCtxSynchronize", Need::HEALTHY, [&](Entry& entry) -> int {
    if (int code = captureForbids(entry)) return code;
    if (int code = entry.machine.waitAll(entry.lock, entry.context)) return code;
    for (auto& [handle, stream] : entry.machine.streams) {
      if (stream->context == entry.context) entry.machine.hostLearns(stream.get());
    }
    entry.machine.hostLearns(entry.context->null.get());
    return SUCCESS;
  });
}
PROCEDURE(cuCtxSynchronize, 2000, cuCtxSynchronize)

EXPORTED int cuCtxGetStreamPriorityRange(int* least, int* greatest) {
  return enter("cuCtxGetStreamPriorityRange", Need::HEALTHY, [&](Entry&) -> int {
    if (least != nullptr) *least = 0;
    if (greatest != nullptr) *greatest = -5;
    return SUCCESS;
  });
}
PROCEDURE(cuCtxGetStreamPriorityRange, 5050, cuCtxGetStreamPriorityRange)

EXPORTED int cuCtxGetApiVersion(Handle, unsigned* version) {
  *version = 3020;
  return SUCCESS;
}
PROCEDURE(cuCtxGetApiVersion, 3020, cuCtxGetApiVersion)

EXPORTED int cuCtxGetId(Handle handle, uint64_t* id) {
  return enter("cuCtxGetId", Need::CONTEXT, [&](Entry& entry) -> int {
    *id = handle == 0 ? entry.context->handle : handle;
    return SUCCESS;
  });
}
PROCEDURE(cuCtxGetId, 12000, cuCtxGetId)

EXPORTED int cuCtxSetLimit(int limit, size_t) {
  return enter("cuCtxSetLimit", Need::HEALTHY, [&](Entry&) -> int { return limit < 0 || limit > 8 ? 215 : SUCCESS; });
}
PROCEDURE(cuCtxSetLimit, 3010, cuCtxSetLimit)

EXPORTED int cuCtxGetLimit(size_t* value, int limit) {
  return enter("cuCtxGetLimit", Need::HEALTHY, [&](Entry&) -> int {
    *value = limit == 0 ? 1024 : 0;
    return limit < 0 || limit > 8 ? 215 : SUCCESS;
  });
}
PROCEDURE(cuCtxGetLimit, 3010, cuCtxGetLimit)

EXPORTED int cuCtxEnablePeerAccess(Handle peer, unsigned) {
  return enter("cuCtxEnablePeerAccess", Need::HEALTHY, [&](Entry& entry) -> int {
    if (!entry.machine.contexts.contains(peer)) return INVALID_CONTEXT;
    if (!entry.machine.settings.peers) return 217;
    auto& peers = entry.context->peers;
    if (std::find(peers.begin(), peers.end(), peer) != peers.end()) return PEER_ACCESS_ALREADY_ENABLED;
    peers.push_back(peer);
    return SUCCESS;
  });
}
PROCEDURE(cuCtxEnablePeerAccess, 4000, cuCtxEnablePeerAccess)

EXPORTED int cuCtxDisablePeerAccess(Handle peer) {
  return enter("cuCtxDisablePeerAccess", Need::HEALTHY,
               [&](Entry& entry) -> int { return std::erase(entry.context->peers, peer) > 0 ? SUCCESS : PEER_ACCESS_NOT_ENABLED; });
}
PROCEDURE(cuCtxDisablePeerAccess, 4000, cuCtxDisablePeerAccess)
