// Modules, functions and launches. An image names the kernels; what runs are the same sources compiled for the host.
#include "api.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

using namespace standin;

namespace {

constexpr uint32_t ELF = 0x464c457f;
constexpr uint32_t FAT_BINARY = 0xba55ed50;
constexpr uint16_t CUDA_MACHINE = 190;

template <class T> T at(const char* image, size_t offset) {
  T value;
  memcpy(&value, image + offset, sizeof value);
  return value;
}

// The bytes of an ELF image, by the end of its section table.
size_t elfBytes(const char* image) {
  return at<uint64_t>(image, 40) + size_t(at<uint16_t>(image, 58)) * at<uint16_t>(image, 60);
}

// The names of the functions that an ELF image has code for.
std::vector<std::string> elfFunctions(const char* image) {
  std::vector<std::string> names;
  uint64_t sections = at<uint64_t>(image, 40);
  uint16_t size = at<uint16_t>(image, 58), count = at<uint16_t>(image, 60), strings = at<uint16_t>(image, 62);
  uint64_t texts = at<uint64_t>(image, sections + size_t(strings) * size + 24);
  for (uint16_t i = 0; i < count; i++) {
    const char* name = image + texts + at<uint32_t>(image, sections + size_t(i) * size);
    if (strncmp(name, ".text.", 6) == 0) names.push_back(name + 6);
  }
  return names;
}

// The architecture: in bits 8 to 15 of newer images' flags, else in the lowest byte.
int elfArchitecture(const char* image) {
  uint32_t flags = at<uint32_t>(image, 48);
  int abi = static_cast<unsigned char>(image[8]);
  return abi >= 8 ? int((flags >> 8) & 0xff) : int(flags & 0xff);
}

int numberAfter(const std::string& text, const char* word, int* minor) {
  size_t found = text.find(word);
  if (found == std::string::npos) return -1;
  char* end;
  long major = strtol(text.c_str() + found + strlen(word), &end, 10);
  if (minor != nullptr) *minor = *end == '.' ? int(strtol(end + 1, nullptr, 10)) : 0;
  return int(major);
}

// The highest version of PTX that a driver of this version takes.
int ptxOf(int driver) {
  int major = driver / 1000, minor = driver % 1000 / 10;
  return major >= 13 ? 90 + minor : major == 12 ? 80 + minor : major == 11 ? 70 + minor : 60;
}

int loadPtx(Machine& machine, Module& module, const DeviceSettings& device) {
  int minor = 0;
  int major = numberAfter(module.image, ".version ", &minor);
  int target = numberAfter(module.image, ".target sm_", nullptr);
  if (major < 0 || target < 0) return INVALID_PTX;
  if (major * 10 + minor > ptxOf(machine.settings.driver)) return UNSUPPORTED_PTX_VERSION;
  if (target > device.major * 10 + device.minor) return INVALID_PTX;
  module.ptx = true;
  module.ptxVersion = module.binaryVersion = target;
  return SUCCESS;
}

int loadElf(Module& module, const char* image, const DeviceSettings& device) {
  if (at<uint16_t>(image, 18) != CUDA_MACHINE) return INVALID_IMAGE;
  int architecture = elfArchitecture(image);
  bool runs = architecture / 10 == device.major && architecture % 10 <= device.minor;
  if (!runs) return NO_BINARY_FOR_GPU;
  module.binaryVersion = architecture;
  module.image.assign(image, elfBytes(image));
  return SUCCESS;
}

int load(Entry& entry, Handle* handle, const void* data) {
  if (handle == nullptr || data == nullptr) return INVALID_VALUE;
  if (int code = captureForbids(entry)) return code;
  auto module = std::make_shared<Module>();
  module->context = entry.context;
  const auto* image = static_cast<const char*>(data);
  const DeviceSettings& device = entry.context->device->settings;
  int code;
  uint32_t magic = at<uint32_t>(image, 0);
  if (magic == ELF) {
    code = loadElf(*module, image, device);
  } else if (magic == FAT_BINARY) {
    code = NOT_SUPPORTED; // the module loads single images
  } else {
    module->image = image;
    code = loadPtx(entry.machine, *module, device);
  }
  if (code != SUCCESS) return code;
  module->handle = entry.machine.handle();
  entry.machine.modules[module->handle] = module;
  *handle = module->handle;
  return SUCCESS;
}

bool hasFunction(const Module& module, const std::string& name) {
  if (!module.ptx) {
    auto names = elfFunctions(module.image.data());
    return std::find(names.begin(), names.end(), name) != names.end();
  }
  for (size_t found = module.image.find(".entry"); found != std::string::npos; found = module.image.find(".entry", found + 1)) {
    size_t begin = module.image.find_first_not_of(" \t\n", found + 6);
    if (begin != std::string::npos && module.image.compare(begin, name.size(), name) == 0) {
      char after = begin + name.size() < module.image.size() ? module.image[begin + name.size()] : '(';
      if (strchr("( \t\n", after) != nullptr) return true;
    }
  }
  return false;
}

std::shared_ptr<Function> functionOf(Machine& machine, Handle handle) {
  auto found = machine.functions.find(handle);
  return found == machine.functions.end() ? nullptr : found->second;
}

int sharedLimit(const DeviceSettings& device) {
  int capability = device.major * 10 + device.minor;
  if (capability >= 90 && capability < 120) return 232448;
  if (capability == 80 || capability == 87) return 166912;
  return capability >= 86 ? 101376 : 65536;
}

// The blocks that the words of an argument point into.
std::vector<BlockRef> pointedAt(Machine& machine, const std::vector<char>& argument, const std::string& kernel) {
  std::vector<BlockRef> found;
  for (size_t offset = 0; offset + 8 <= argument.size(); offset += 8) {
    uintptr_t address = at<uint64_t>(argument.data(), offset);
    BlockRef block = machine.find(address, 1);
    if (block != nullptr) {
      if (block->freeing) machine.violation("the launch of " + kernel + " uses " + machine.describe(*block) + " after cuMemFreeAsync");
      found.push_back(block);
    } else if (machine.deviceAddress(address)) {
      machine.violation("the launch of " + kernel + " is given " + machine.whereIs(address));
    }
  }
  return found;
}

int checkShape(const Function& function, const LaunchConfiguration& launch) {
  if (launch.gridX == 0 || launch.gridY == 0 || launch.gridZ == 0) return INVALID_VALUE;
  if (launch.blockX == 0 || launch.blockY == 0 || launch.blockZ == 0) return INVALID_VALUE;
  if (launch.gridX > 2147483647u || launch.gridY > 65535 || launch.gridZ > 65535) return INVALID_VALUE;
  if (launch.blockX > 1024 || launch.blockY > 1024 || launch.blockZ > 64) return INVALID_VALUE;
  if (uint64_t(launch.blockX) * launch.blockY * launch.blockZ > 1024) return INVALID_VALUE;
  return int64_t(launch.sharedBytes) > function.dynamicShared ? INVALID_VALUE : SUCCESS;
}

int checkAttributes(const DeviceSettings& device, const LaunchConfiguration& launch) {
  for (unsigned i = 0; i < launch.attributeCount; i++) {
    const LaunchAttribute& attribute = launch.attributes[i];
    if (attribute.id < 0 || attribute.id > 16) return INVALID_VALUE;
    if (attribute.id == 4) {
      auto cluster = attribute.value.cluster;
      if (device.major < 9) return NOT_SUPPORTED;
      if (cluster.x == 0 || cluster.y == 0 || cluster.z == 0 || cluster.x * cluster.y * cluster.z > 8) return 912;
      if (launch.gridX % cluster.x || launch.gridY % cluster.y || launch.gridZ % cluster.z) return INVALID_VALUE;
    }
    if (attribute.id == 6 && attribute.value.serializationAllowed != 0 && device.major < 9) return NOT_SUPPORTED;
  }
  return SUCCESS;
}

// The argument's bytes: from the array of pointers, or from the buffer of `extra`.
int takeArgument(const HostKernel& kernel, void** parameters, void** extra, std::vector<char>& argument) {
  const void* source = nullptr;
  size_t bytes = kernel.argumentBytes;
  if (parameters != nullptr) {
    if (extra != nullptr) return INVALID_VALUE;
    source = parameters[0];
  } else if (extra != nullptr) {
    for (size_t i = 0; extra[i] != nullptr; i += 2) {
      if (extra[i] == reinterpret_cast<void*>(1)) source = extra[i + 1];
      if (extra[i] == reinterpret_cast<void*>(2) && *static_cast<size_t*>(extra[i + 1]) != bytes) return INVALID_VALUE;
    }
  }
  if (bytes > 0 && source == nullptr) return INVALID_VALUE;
  argument.resize(bytes);
  return guarded([&] { memcpy(argument.data(), source, bytes); }) == 0 ? SUCCESS : INVALID_VALUE;
}

int launchWith(const char* name, const LaunchConfiguration& launch, Handle handle, void** parameters, void** extra) {
  return enter(name, Need::HEALTHY, [&](Entry& entry) -> int {
    Stream* stream = streamOf(entry, launch.stream);
    if (stream == nullptr) return badHandle(entry, "stream", launch.stream);
    Work work;
    if (int code = kernelWork(entry, launch, handle, parameters, extra, work)) return code;
    return submit(entry, stream, std::move(work));
  });
}

template <class Body> int withFunction(const char* name, Handle handle, Body body) {
  return enter(name, Need::HEALTHY, [&](Entry& entry) -> int {
    auto function = functionOf(entry.machine, handle);
    return function == nullptr ? badHandle(entry, "function", handle) : body(entry, *function);
  });
}

} // namespace

namespace standin {

int kernelWork(Entry& entry, const LaunchConfiguration& launch, Handle handle, void** parameters, void** extra, Work& work) {
  auto function = functionOf(entry.machine, handle);
  if (function == nullptr) return badHandle(entry, "function", handle);
  if (int code = checkShape(*function, launch)) return code;
  if (int code = checkAttributes(entry.context->device->settings, launch)) return code;
  work.kind = WorkKind::KERNEL;
  work.name = entry.machine.interned(function->name);
  work.launch.function = function;
  const unsigned grid[] = {launch.gridX, launch.gridY, launch.gridZ}, block[] = {launch.blockX, launch.blockY, launch.blockZ};
  std::copy_n(grid, 3, work.launch.grid);
  std::copy_n(block, 3, work.launch.block);
  work.launch.sharedBytes = launch.sharedBytes;
  if (int code = takeArgument(*function->kernel, parameters, extra, work.launch.argument)) return code;
  work.uses = pointedAt(entry.machine, work.launch.argument, function->name);
  return SUCCESS;
}

} // namespace standin

EXPORTED int cuModuleLoadData(Handle* module, const void* image) {
  return enter("cuModuleLoadData", Need::HEALTHY, [&](Entry& entry) -> int { return load(entry, module, image); });
}
PROCEDURE(cuModuleLoadData, 2000, cuModuleLoadData)

EXPORTED int cuModuleLoadDataEx(Handle* module, const void* image, unsigned, int*, void**) {
  return enter("cuModuleLoadDataEx", Need::HEALTHY, [&](Entry& entry) -> int { return load(entry, module, image); });
}
PROCEDURE(cuModuleLoadDataEx, 2010, cuModuleLoadDataEx)

EXPORTED int cuModuleUnload(Handle handle) {
  return enter("cuModuleUnload", Need::CONTEXT, [&](Entry& entry) -> int {
    auto found = entry.machine.modules.find(handle);
    if (found == entry.machine.modules.end()) return badHandle(entry, "module", handle);
    for (auto& [name, function] : found->second->functions) {
      entry.machine.functions.erase(function);
      entry.machine.destroyed[function] = "cuModuleUnload";
    }
    entry.machine.modules.erase(found);
    entry.machine.destroyed[handle] = "cuModuleUnload";
    return health(entry.context);
  });
}
PROCEDURE(cuModuleUnload, 2000, cuModuleUnload)

EXPORTED int cuModuleGetFunction(Handle* handle, Handle moduleHandle, const char* name) {
  return enter("cuModuleGetFunction", Need::HEALTHY, [&](Entry& entry) -> int {
    auto found = entry.machine.modules.find(moduleHandle);
    if (found == entry.machine.modules.end()) return badHandle(entry, "module", moduleHandle);
    Module& module = *found->second;
    if (!hasFunction(module, name)) return NOT_FOUND;
    auto known = module.functions.find(name);
    if (known != module.functions.end()) {
      *handle = known->second;
      return SUCCESS;
    }
    const HostKernel* kernel = entry.machine.kernel(name);
    if (kernel == nullptr) {
      entry.machine.violation("the image has a kernel " + std::string(name) + ", of which there is no build for the host");
      return NOT_FOUND;
    }
    auto function = std::make_shared<Function>();
    function->handle = entry.machine.handle();
    function->context = entry.context;
    function->name = name;
    function->module = moduleHandle;
    function->kernel = kernel;
    function->binaryVersion = module.binaryVersion;
    function->ptxVersion = module.ptxVersion;
    entry.machine.functions[function->handle] = function;
    module.functions[name] = function->handle;
    *handle = function->handle;
    return SUCCESS;
  });
}
PROCEDURE(cuModuleGetFunction, 2000, cuModuleGetFunction)

EXPORTED int cuModuleGetGlobal_v2(DevicePointer*, size_t*, Handle handle, const char*) {
  return enter("cuModuleGetGlobal", Need::HEALTHY, [&](Entry& entry) -> int {
    return entry.machine.modules.contains(handle) ? NOT_FOUND : badHandle(entry, "module", handle); // the kernels have no globals
  });
}
PROCEDURE(cuModuleGetGlobal, 3020, cuModuleGetGlobal_v2)

EXPORTED int cuFuncGetAttribute(int* value, int attribute, Handle handle) {
  return withFunction("cuFuncGetAttribute", handle, [&](Entry&, Function& function) -> int {
    switch (attribute) {
      case 0: *value = 1024; return SUCCESS;
      case 1: case 2: case 3: *value = 0; return SUCCESS;
      case 4: *value = 64; return SUCCESS;
      case 5: *value = function.ptxVersion; return SUCCESS;
      case 6: *value = function.binaryVersion; return SUCCESS;
      case 8: *value = function.dynamicShared; return SUCCESS;
      case 9: *value = function.carveout; return SUCCESS;
      default: *value = 0; return attribute > 15 ? INVALID_VALUE : SUCCESS;
    }
  });
}
PROCEDURE(cuFuncGetAttribute, 2020, cuFuncGetAttribute)

EXPORTED int cuFuncSetAttribute(Handle handle, int attribute, int value) {
  return withFunction("cuFuncSetAttribute", handle, [&](Entry& entry, Function& function) -> int {
    if (attribute == 8) {
      if (value < 0 || value > sharedLimit(entry.context->device->settings)) return INVALID_VALUE;
      function.dynamicShared = value;
      return SUCCESS;
    }
    if (attribute == 9) {
      if (value < -1 || value > 100) return INVALID_VALUE;
      function.carveout = value;
      return SUCCESS;
    }
    return attribute == 14 ? SUCCESS : INVALID_VALUE;
  });
}
PROCEDURE(cuFuncSetAttribute, 9000, cuFuncSetAttribute)

EXPORTED int cuFuncSetCacheConfig(Handle handle, int) {
  return withFunction("cuFuncSetCacheConfig", handle, [&](Entry&, Function&) -> int { return SUCCESS; });
}
PROCEDURE(cuFuncSetCacheConfig, 3000, cuFuncSetCacheConfig)

EXPORTED int cuFuncGetName(const char** name, Handle handle) {
  return withFunction("cuFuncGetName", handle, [&](Entry&, Function& function) -> int {
    *name = function.name.c_str();
    return SUCCESS;
  });
}
PROCEDURE(cuFuncGetName, 12030, cuFuncGetName)

EXPORTED int cuFuncGetParamInfo(Handle handle, size_t index, size_t* offset, size_t* bytes) {
  return withFunction("cuFuncGetParamInfo", handle, [&](Entry&, Function& function) -> int {
    if (index != 0 || function.kernel->argumentBytes == 0) return INVALID_VALUE;
    *offset = 0;
    if (bytes != nullptr) *bytes = function.kernel->argumentBytes;
    return SUCCESS;
  });
}
PROCEDURE(cuFuncGetParamInfo, 12040, cuFuncGetParamInfo)

EXPORTED int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, Handle handle, int threads, size_t sharedBytes) {
  return withFunction("cuOccupancyMaxActiveBlocksPerMultiprocessor", handle, [&](Entry& entry, Function&) -> int {
    if (threads <= 0 || threads > 1024) return INVALID_VALUE;
    int byThreads = 2048 / threads;
    int byShared = sharedLimit(entry.context->device->settings) / int(sharedBytes + 1024);
    *blocks = std::min({byThreads, byShared, 32});
    return SUCCESS;
  });
}
PROCEDURE(cuOccupancyMaxActiveBlocksPerMultiprocessor, 6050, cuOccupancyMaxActiveBlocksPerMultiprocessor)

EXPORTED int cuLaunchKernel(Handle function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,
                            unsigned blockZ, unsigned sharedBytes, Handle stream, void** parameters, void** extra) {
  LaunchConfiguration launch = {gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes, stream, nullptr, 0};
  return launchWith("cuLaunchKernel", launch, function, parameters, extra);
}
PROCEDURE(cuLaunchKernel, 4000, cuLaunchKernel)

EXPORTED int cuLaunchKernelEx(const LaunchConfiguration* launch, Handle function, void** parameters, void** extra) {
  return launchWith("cuLaunchKernelEx", *launch, function, parameters, extra);
}
PROCEDURE(cuLaunchKernelEx, 11060, cuLaunchKernelEx)
