// The management library of the same machine, in our own declarations.
#include "api.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>

using namespace standin;

namespace {

enum Answer : int {
  OK = 0,
  UNINITIALIZED = 1,
  INVALID_ARGUMENT = 2,
  UNSUPPORTED = 3,
  ABSENT = 6,
  INSUFFICIENT_SIZE = 7,
  TIMED_OUT = 10,
  GPU_IS_LOST = 15,
};

struct PciInfo {
  char busIdLegacy[16];
  unsigned domain, bus, device, deviceId, subsystemId;
  char busId[32];
};

struct MemoryInfo {
  uint64_t total, free, used;
};

struct MemoryInfoV2 {
  unsigned version;
  uint64_t total, reserved, free, used;
};

struct ProcessInfo {
  unsigned process;
  uint64_t usedBytes;
  unsigned gpuInstance, computeInstance;
};

struct Utilisation {
  unsigned gpu, memory;
};

struct InstanceAttributes {
  unsigned multiprocessors, copyEngines, decoders, encoders, jpegs, opticalFlows, slices, computeSlices;
  uint64_t memoryMebibytes;
};

struct AddressingMode {
  unsigned version, value;
};

struct EventData {
  Handle device;
  uint64_t type, data;
  unsigned gpuInstance, computeInstance;
};

struct FieldValue {
  unsigned field, scope;
  int64_t timestamp, latencyMicros;
  int valueType, answer;
  uint64_t value;
};

constexpr Handle BASE = 0x6d000000;
constexpr Handle DEVICE_STEP = 0x100;
constexpr unsigned RECOVERY_ACTION = 230;
constexpr unsigned NO_INSTANCE = 0xffffffffu;
constexpr int MOST_INSTANCES = 7;

Handle handleOf(int device, int instance = -1) { return BASE + Handle(device) * DEVICE_STEP + Handle(instance + 1); }

// A device, or the instance of it that a handle names.
struct Named {
  Device* device = nullptr;
  int instance = -1;
};

Named named(Machine& machine, Handle handle) {
  if (handle < BASE) return {};
  Device* device = deviceOf(machine, int((handle - BASE) / DEVICE_STEP));
  int instance = int((handle - BASE) % DEVICE_STEP) - 1;
  if (device == nullptr || instance >= device->settings.migInstances) return {};
  return {device, instance};
}

template <class Body> int managed(const char* name, Body body) {
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  machine.calls[name]++;
  if (int code = machine.injected(name)) return code;
  if (machine.managementUsers == 0) return UNINITIALIZED;
  return body(machine, lock);
}

template <class Body> int of(const char* name, Handle handle, Body body) {
  return managed(name, [&](Machine& machine, Lock&) -> int {
    Named one = named(machine, handle);
    if (one.device == nullptr) return INVALID_ARGUMENT;
    if (one.device->lost != 0) return GPU_IS_LOST;
    return body(machine, *one.device, one.instance);
  });
}

int text(const std::string& value, char* target, unsigned capacity) {
  if (value.size() + 1 > capacity) return INSUFFICIENT_SIZE;
  memcpy(target, value.c_str(), value.size() + 1);
  return OK;
}

template <class T> int give(T* target, T value) {
  if (target == nullptr) return INVALID_ARGUMENT;
  *target = value;
  return OK;
}

void describePci(PciInfo* pci, unsigned bus) {
  *pci = {};
  pci->bus = bus;
  pci->deviceId = 0x233010de;
  snprintf(pci->busIdLegacy, sizeof pci->busIdLegacy, "0000:%02X:00.0", bus);
  snprintf(pci->busId, sizeof pci->busId, "00000000:%02X:00.0", bus);
}

bool divisible(const Device& device) {
  return device.settings.minor == 0 && device.settings.major >= 8 && device.settings.major <= 10;
}

bool hasLink(const Device& device, unsigned link) { return int(link) < device.settings.nvlinks; }

MemoryInfo memoryOf(const Device& device, int instance) {
  uint64_t total = device.memoryOf(instance), used = std::min(total, device.charged);
  return {total, total - used, used};
}

} // namespace

EXPORTED int nvmlInit_v2() {
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  machine.calls["nvmlInit"]++;
  if (machine.settings.nvmlInitCode != 0) return machine.settings.nvmlInitCode;
  machine.managementUsers++;
  return OK;
}

EXPORTED int nvmlInitWithFlags(unsigned) { return nvmlInit_v2(); }

EXPORTED int nvmlShutdown() {
  return managed("nvmlShutdown", [&](Machine& machine, Lock&) -> int {
    machine.managementUsers--;
    return OK;
  });
}

EXPORTED const char* nvmlErrorString(int code) {
  switch (code) {
    case OK: return "Success";
    case UNINITIALIZED: return "Uninitialized";
    case INVALID_ARGUMENT: return "Invalid Argument";
    case UNSUPPORTED: return "Not Supported";
    case 4: return "Insufficient Permissions";
    case ABSENT: return "Not Found";
    case INSUFFICIENT_SIZE: return "Insufficient Size";
    case 9: return "Driver Not Loaded";
    case TIMED_OUT: return "Timeout";
    case GPU_IS_LOST: return "GPU is lost";
    case 18: return "Driver/library version mismatch";
    default: return "Unknown Error";
  }
}

EXPORTED int nvmlSystemGetDriverVersion(char* version, unsigned capacity) {
  return managed("nvmlSystemGetDriverVersion", [&](Machine& machine, Lock&) -> int {
    return text(machine.settings.driverName, version, capacity);
  });
}

EXPORTED int nvmlSystemGetNVMLVersion(char* version, unsigned capacity) {
  return managed("nvmlSystemGetNVMLVersion", [&](Machine& machine, Lock&) -> int {
    return text(std::to_string(machine.settings.driver / 1000) + "." + machine.settings.driverName, version, capacity);
  });
}

EXPORTED int nvmlSystemGetCudaDriverVersion_v2(int* version) {
  return managed("nvmlSystemGetCudaDriverVersion",
                 [&](Machine& machine, Lock&) -> int { return give(version, machine.settings.driver); });
}

EXPORTED int nvmlDeviceGetCount_v2(unsigned* count) {
  return managed("nvmlDeviceGetCount",
                 [&](Machine& machine, Lock&) -> int { return give(count, unsigned(machine.devices.size())); });
}

EXPORTED int nvmlDeviceGetHandleByIndex_v2(unsigned index, Handle* handle) {
  return managed("nvmlDeviceGetHandleByIndex", [&](Machine& machine, Lock&) -> int {
    Device* device = deviceOf(machine, int(index));
    if (device == nullptr) return INVALID_ARGUMENT;
    return device->lost != 0 ? int(GPU_IS_LOST) : give(handle, handleOf(int(index)));
  });
}

EXPORTED int nvmlDeviceGetHandleByUUID(const char* uuid, Handle* handle) {
  return managed("nvmlDeviceGetHandleByUUID", [&](Machine& machine, Lock&) -> int {
    for (auto& device : machine.devices) {
      for (int instance = -1; instance < device->settings.migInstances; instance++) {
        if (device->uuidText(instance) == uuid) return give(handle, handleOf(device->ordinal, instance));
      }
    }
    return ABSENT;
  });
}

EXPORTED int nvmlDeviceGetHandleByPciBusId_v2(const char* busId, Handle* handle) {
  return managed("nvmlDeviceGetHandleByPciBusId", [&](Machine& machine, Lock&) -> int {
    std::string wanted = busId;
    for (auto& device : machine.devices) {
      std::string name = device->busName();
      bool same = wanted.size() >= 7 && strcasecmp(wanted.c_str() + wanted.size() - 7, name.c_str() + name.size() - 7) == 0;
      if (same) return give(handle, handleOf(device->ordinal));
    }
    return ABSENT;
  });
}

EXPORTED int nvmlDeviceGetIndex(Handle handle, unsigned* index) {
  return of("nvmlDeviceGetIndex", handle, [&](Machine&, Device& device, int) -> int { return give(index, unsigned(device.ordinal)); });
}

EXPORTED int nvmlDeviceGetMinorNumber(Handle handle, unsigned* minor) {
  return of("nvmlDeviceGetMinorNumber", handle,
            [&](Machine&, Device& device, int) -> int { return give(minor, unsigned(device.ordinal)); });
}

EXPORTED int nvmlDeviceGetName(Handle handle, char* name, unsigned capacity) {
  return of("nvmlDeviceGetName", handle, [&](Machine&, Device& device, int instance) -> int {
    return text(device.settings.name + (instance < 0 ? "" : " MIG"), name, capacity);
  });
}

EXPORTED int nvmlDeviceGetBrand(Handle handle, int* brand) {
  return of("nvmlDeviceGetBrand", handle, [&](Machine&, Device&, int) -> int { return give(brand, 14); });
}

EXPORTED int nvmlDeviceGetUUID(Handle handle, char* uuid, unsigned capacity) {
  return of("nvmlDeviceGetUUID", handle,
            [&](Machine&, Device& device, int instance) -> int { return text(device.uuidText(instance), uuid, capacity); });
}

EXPORTED int nvmlDeviceGetMemoryInfo(Handle handle, MemoryInfo* memory) {
  return of("nvmlDeviceGetMemoryInfo", handle,
            [&](Machine&, Device& device, int instance) -> int { return give(memory, memoryOf(device, instance)); });
}

EXPORTED int nvmlDeviceGetMemoryInfo_v2(Handle handle, MemoryInfoV2* memory) {
  return of("nvmlDeviceGetMemoryInfo_v2", handle, [&](Machine&, Device& device, int instance) -> int {
    if (memory->version != (sizeof(MemoryInfoV2) | 2u << 24)) return 25;
    MemoryInfo info = memoryOf(device, instance);
    *memory = {memory->version, info.total, 0, info.free, info.used};
    return OK;
  });
}

EXPORTED int nvmlDeviceGetPciInfo_v3(Handle handle, PciInfo* pci) {
  return of("nvmlDeviceGetPciInfo", handle, [&](Machine&, Device& device, int) -> int {
    describePci(pci, unsigned(device.settings.busId));
    return OK;
  });
}

EXPORTED int nvmlDeviceGetCudaComputeCapability(Handle handle, int* major, int* minor) {
  return of("nvmlDeviceGetCudaComputeCapability", handle, [&](Machine&, Device& device, int) -> int {
    *major = device.settings.major;
    *minor = device.settings.minor;
    return OK;
  });
}

EXPORTED int nvmlDeviceGetAddressingMode(Handle handle, AddressingMode* mode) {
  return of("nvmlDeviceGetAddressingMode", handle, [&](Machine&, Device& device, int) -> int {
    if (mode->version != (sizeof(AddressingMode) | 1u << 24)) return 25;
    mode->value = unsigned(device.settings.addressing);
    return OK;
  });
}

EXPORTED int nvmlDeviceGetMaxPcieLinkGeneration(Handle handle, unsigned* generation) {
  return of("nvmlDeviceGetMaxPcieLinkGeneration", handle,
            [&](Machine&, Device& device, int) -> int { return give(generation, unsigned(device.settings.linkGeneration)); });
}

EXPORTED int nvmlDeviceGetMaxPcieLinkWidth(Handle handle, unsigned* width) {
  return of("nvmlDeviceGetMaxPcieLinkWidth", handle,
            [&](Machine&, Device& device, int) -> int { return give(width, unsigned(device.settings.linkWidth)); });
}

EXPORTED int nvmlDeviceGetCurrPcieLinkGeneration(Handle handle, unsigned* generation) {
  return nvmlDeviceGetMaxPcieLinkGeneration(handle, generation);
}

EXPORTED int nvmlDeviceGetCurrPcieLinkWidth(Handle handle, unsigned* width) { return nvmlDeviceGetMaxPcieLinkWidth(handle, width); }

EXPORTED int nvmlDeviceGetNvLinkState(Handle handle, unsigned link, int* active) {
  return of("nvmlDeviceGetNvLinkState", handle, [&](Machine&, Device& device, int) -> int {
    if (!hasLink(device, link)) return device.settings.nvlinks == 0 ? UNSUPPORTED : INVALID_ARGUMENT;
    auto& down = device.linksDown;
    return give(active, int(std::find(down.begin(), down.end(), int(link)) == down.end()));
  });
}

// Links go to the other devices in turn; where there is none, to a switch.
EXPORTED int nvmlDeviceGetNvLinkRemotePciInfo_v2(Handle handle, unsigned link, PciInfo* pci) {
  return of("nvmlDeviceGetNvLinkRemotePciInfo", handle, [&](Machine& machine, Device& device, int) -> int {
    if (!hasLink(device, link)) return device.settings.nvlinks == 0 ? UNSUPPORTED : INVALID_ARGUMENT;
    size_t others = machine.devices.size() - 1;
    size_t at = others == 0 ? 0 : (size_t(device.ordinal) + 1 + link % others) % machine.devices.size();
    describePci(pci, others == 0 ? 0xc0 : unsigned(machine.devices[at]->settings.busId));
    return OK;
  });
}

EXPORTED int nvmlDeviceGetUtilizationRates(Handle handle, Utilisation* rates) {
  return of("nvmlDeviceGetUtilizationRates", handle, [&](Machine&, Device& device, int instance) -> int {
    if (instance >= 0) return UNSUPPORTED;
    return give(rates, Utilisation{unsigned(device.utilisation), unsigned(device.memoryUtilisation)});
  });
}

EXPORTED int nvmlDeviceGetEccMode(Handle handle, int* current, int* next) {
  return of("nvmlDeviceGetEccMode", handle, [&](Machine&, Device& device, int) -> int {
    *next = device.settings.ecc;
    return give(current, int(device.settings.ecc));
  });
}

EXPORTED int nvmlDeviceGetComputeRunningProcesses_v3(Handle handle, unsigned* count, ProcessInfo* infos) {
  return of("nvmlDeviceGetComputeRunningProcesses", handle, [&](Machine&, Device& device, int) -> int {
    unsigned room = *count, there = unsigned(device.processes.size());
    *count = there;
    if (there > room) return INSUFFICIENT_SIZE;
    for (unsigned i = 0; i < there; i++) {
      infos[i] = {device.processes[i].first, device.processes[i].second, NO_INSTANCE, NO_INSTANCE};
    }
    return OK;
  });
}

// ----------------------------------------------------------------------------------------------------------------- MIG

EXPORTED int nvmlDeviceGetMigMode(Handle handle, unsigned* current, unsigned* next) {
  return of("nvmlDeviceGetMigMode", handle, [&](Machine&, Device& device, int instance) -> int {
    if (instance >= 0) return INVALID_ARGUMENT;
    if (!divisible(device)) return UNSUPPORTED;
    *next = device.settings.migInstances > 0;
    return give(current, unsigned(device.settings.migInstances > 0));
  });
}

EXPORTED int nvmlDeviceGetMaxMigDeviceCount(Handle handle, unsigned* count) {
  return of("nvmlDeviceGetMaxMigDeviceCount", handle, [&](Machine&, Device& device, int) -> int {
    return give(count, unsigned(divisible(device) ? MOST_INSTANCES : 0));
  });
}

EXPORTED int nvmlDeviceGetMigDeviceHandleByIndex(Handle handle, unsigned index, Handle* instance) {
  return of("nvmlDeviceGetMigDeviceHandleByIndex", handle, [&](Machine&, Device& device, int) -> int {
    if (int(index) >= device.settings.migInstances) return ABSENT;
    return give(instance, handleOf(device.ordinal, int(index)));
  });
}

EXPORTED int nvmlDeviceIsMigDeviceHandle(Handle handle, unsigned* is) {
  return of("nvmlDeviceIsMigDeviceHandle", handle,
            [&](Machine&, Device&, int instance) -> int { return give(is, unsigned(instance >= 0)); });
}

EXPORTED int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(Handle handle, Handle* parent) {
  return of("nvmlDeviceGetDeviceHandleFromMigDeviceHandle", handle, [&](Machine&, Device& device, int instance) -> int {
    return instance < 0 ? int(INVALID_ARGUMENT) : give(parent, handleOf(device.ordinal));
  });
}

EXPORTED int nvmlDeviceGetGpuInstanceId(Handle handle, unsigned* id) {
  return of("nvmlDeviceGetGpuInstanceId", handle, [&](Machine&, Device&, int instance) -> int {
    return instance < 0 ? int(INVALID_ARGUMENT) : give(id, unsigned(instance + 1));
  });
}

EXPORTED int nvmlDeviceGetComputeInstanceId(Handle handle, unsigned* id) {
  return of("nvmlDeviceGetComputeInstanceId", handle, [&](Machine&, Device&, int instance) -> int {
    return instance < 0 ? int(INVALID_ARGUMENT) : give(id, 0u);
  });
}

EXPORTED int nvmlDeviceGetAttributes_v2(Handle handle, InstanceAttributes* attributes) {
  return of("nvmlDeviceGetAttributes", handle, [&](Machine&, Device& device, int instance) -> int {
    if (instance < 0) return INVALID_ARGUMENT;
    unsigned slices = unsigned(MOST_INSTANCES / device.settings.migInstances);
    *attributes = {};
    attributes->multiprocessors = unsigned(device.settings.processors) * slices / 8;
    attributes->copyEngines = 1;
    attributes->slices = attributes->computeSlices = slices;
    attributes->memoryMebibytes = device.memoryOf(instance) >> 20;
    return OK;
  });
}

// -------------------------------------------------------------------------------------------------------------- events

EXPORTED int nvmlDeviceGetFieldValues(Handle handle, int count, FieldValue* values) {
  return of("nvmlDeviceGetFieldValues", handle, [&](Machine&, Device& device, int) -> int {
    for (int i = 0; i < count; i++) {
      bool known = values[i].field == RECOVERY_ACTION;
      values[i].answer = known ? OK : UNSUPPORTED;
      values[i].valueType = 1;
      values[i].value = known ? unsigned(device.recovery) : 0;
    }
    return OK;
  });
}

EXPORTED int nvmlDeviceGetSupportedEventTypes(Handle handle, uint64_t* types) {
  return of("nvmlDeviceGetSupportedEventTypes", handle,
            [&](Machine&, Device&, int) -> int { return give(types, uint64_t(0x1 | 0x2 | 0x8)); });
}

EXPORTED int nvmlEventSetCreate(Handle* set) {
  return managed("nvmlEventSetCreate", [&](Machine& machine, Lock&) -> int {
    *set = machine.handle();
    machine.noticeSets[*set] = std::make_shared<NoticeSet>();
    return OK;
  });
}

EXPORTED int nvmlDeviceRegisterEvents(Handle handle, uint64_t types, Handle setHandle) {
  return of("nvmlDeviceRegisterEvents", handle, [&](Machine& machine, Device& device, int) -> int {
    auto set = machine.noticeSets.find(setHandle);
    if (set == machine.noticeSets.end()) return INVALID_ARGUMENT;
    if ((types & ~uint64_t(0xb)) != 0) return UNSUPPORTED;
    set->second->types[device.ordinal] |= types;
    return OK;
  });
}

EXPORTED int nvmlEventSetWait_v2(Handle setHandle, EventData* data, unsigned milliseconds) {
  return managed("nvmlEventSetWait", [&](Machine& machine, Lock& lock) -> int {
    auto found = machine.noticeSets.find(setHandle);
    if (found == machine.noticeSets.end()) return INVALID_ARGUMENT;
    std::shared_ptr<NoticeSet> set = found->second;
    auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
    while (set->notices.empty()) {
      if (!machine.noticeSets.contains(setHandle)) return UNKNOWN;
      machine.waiting++;
      bool late = machine.changed.wait_until(lock, until) == std::cv_status::timeout;
      machine.waiting--;
      if (late && set->notices.empty()) return TIMED_OUT;
    }
    Notice notice = set->notices.front();
    set->notices.pop_front();
    *data = {handleOf(notice.device), notice.type, notice.data, notice.gpuInstance, notice.computeInstance};
    return OK;
  });
}

EXPORTED int nvmlEventSetFree(Handle setHandle) {
  return managed("nvmlEventSetFree", [&](Machine& machine, Lock&) -> int {
    bool there = machine.noticeSets.erase(setHandle) > 0;
    machine.changed.notify_all();
    return there ? OK : INVALID_ARGUMENT;
  });
}
