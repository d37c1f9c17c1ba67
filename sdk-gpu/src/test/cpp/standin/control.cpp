// How tests set up the machine, make it fail, and ask what was done wrong.
#include "api.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <sstream>

using namespace standin;

namespace standin {

Machine& Machine::get() {
  static Machine* machine = [] {
    auto* made = new Machine(); // never destroyed: its threads run as long as the process
    Lock lock(made->mutex);
    made->configure(Settings{}, lock);
    return made;
  }();
  return *machine;
}

std::string Device::busName() const {
  char text[32];
  snprintf(text, sizeof text, "0000:%02X:00.0", settings.busId);
  return text;
}

Uuid Device::uuid(int instance) const {
  char text[32];
  snprintf(text, sizeof text, instance < 0 ? "serval-gpu-%03d" : "serval-%03d-mig-%d", ordinal, instance);
  Uuid uuid = {};
  memcpy(uuid.bytes, text, std::min(sizeof uuid.bytes, strlen(text)));
  return uuid;
}

std::string Device::uuidText(int instance) const {
  Uuid raw = uuid(instance);
  std::string text = instance < 0 ? "GPU-" : "MIG-";
  for (int i = 0; i < 16; i++) {
    char hex[4];
    snprintf(hex, sizeof hex, "%02x", static_cast<unsigned char>(raw.bytes[i]));
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += hex;
  }
  return text;
}

uint64_t Device::memoryOf(int instance) const {
  return instance < 0 ? settings.memory : settings.memory / uint64_t(settings.migInstances + 1);
}

void Machine::violation(const std::string& sentence) {
  violationCount++;
  if (violations.size() < 1000) violations.push_back(sentence);
}

int Machine::injected(const std::string& function) {
  for (auto fault = faults.begin(); fault != faults.end(); ++fault) {
    if (fault->function != function) continue;
    if (fault->after > 0) {
      fault->after--;
      continue;
    }
    int code = fault->code;
    if (fault->times > 0 && --fault->times == 0) faults.erase(fault);
    return code;
  }
  return SUCCESS;
}

const HostKernel* Machine::kernel(const std::string& name) const {
  auto found = kernels.find(name);
  return found == kernels.end() ? nullptr : found->second;
}

void Machine::configure(const Settings& next, Lock& lock) {
  for (auto& [handle, context] : std::unordered_map<Handle, Context*>(contexts)) {
    fail(context, UNKNOWN, "the machine was reset");
    drain(lock, context);
  }
  executables.clear();
  graphs.clear();
  functions.clear();
  modules.clear();
  events.clear();
  streams.clear();
  ending.clear();
  for (auto& [begin, block] : blocks) {
    if (block->mapped != 0) AddressSpace::unmap(block->mapped, block->mappedBytes);
  }
  blocks.clear();
  graves.clear();
  graveOrder.clear();
  returned.clear();
  noticeSets.clear();
  managementUsers = 0;
  pools.clear();
  contexts.clear();
  ownContexts.clear();
  destroyed.clear();
  devices.clear();
  host = {};
  endedStreams.clear();
  violations.clear();
  violationCount = 0;
  faults.clear();
  calls.clear();
  counters.clear();
  delayMode = DelayMode::NONE;
  random.state = 1;
  initialised = false;
  generation++;
  settings = next;
  for (size_t i = 0; i < settings.devices.size(); i++) {
    auto device = std::make_unique<Device>();
    device->ordinal = int(i);
    device->settings = settings.devices[i];
    if (device->settings.busId == 0) device->settings.busId = 0x10 + int(i) * 0x10;
    device->defaultPool = std::make_unique<Pool>();
    device->defaultPool->handle = handle();
    device->defaultPool->device = device.get();
    device->currentPool = device->defaultPool.get();
    devices.push_back(std::move(device));
  }
  given.notify_all();
  configured.notify_all();
}

namespace {

uint64_t bytesOf(const std::string& text) {
  char* end;
  double number = strtod(text.c_str(), &end);
  uint64_t unit = *end == 'g' ? 1ull << 30 : *end == 'm' ? 1ull << 20 : *end == 'k' ? 1ull << 10 : 1;
  return uint64_t(number * double(unit));
}

bool setDevice(DeviceSettings& device, const std::string& key, const std::string& value) {
  int number = atoi(value.c_str());
  if (key == "name") device.name = value;
  else if (key == "memory") device.memory = bytesOf(value);
  else if (key == "capability") sscanf(value.c_str(), "%d.%d", &device.major, &device.minor);
  else if (key == "processors") device.processors = number;
  else if (key == "bus") device.busId = int(strtol(value.c_str(), nullptr, 16));
  else if (key == "numa") device.numa = number;
  else if (key == "ecc") device.ecc = number != 0;
  else if (key == "mig") device.migInstances = number;
  else if (key == "linkGeneration") device.linkGeneration = number;
  else if (key == "linkWidth") device.linkWidth = number;
  else if (key == "nvlinks") device.nvlinks = number;
  else if (key == "addressing") device.addressing = number;
  else return false;
  return true;
}

bool setMachine(Settings& settings, const std::string& key, const std::string& value) {
  int number = atoi(value.c_str());
  if (key == "driver") settings.driver = number;
  else if (key == "driverName") settings.driverName = value;
  else if (key == "batchCopies") settings.batchCopies = number != 0;
  else if (key == "pageableAsync") settings.pageableAsync = number != 0;
  else if (key == "virtualTime") settings.virtualTime = number != 0;
  else if (key == "peers") settings.peers = number != 0;
  else if (key == "executors") settings.executors = number;
  else if (key == "idleMillis") settings.idleMillis = number;
  else if (key == "oomAbove") settings.oomAbove = bytesOf(value);
  else if (key == "initCode") settings.initCode = number;
  else if (key == "nvmlInitCode") settings.nvmlInitCode = number;
  else if (key == "nvlink") settings.nvlink = number != 0;
  else if (key == "hidden") settings.hidden = value;
  else if (key == "gpuDirect") settings.gpuDirect = number != 0;
  else if (key == "fileCompat") settings.fileCompat = number != 0;
  else return false;
  return true;
}

// "key=value" or, for one device alone, "key.1=value".
bool setOne(Settings& settings, const std::string& key, const std::string& value) {
  size_t dot = key.find('.');
  if (dot != std::string::npos) {
    size_t index = strtoul(key.c_str() + dot + 1, nullptr, 10);
    return index < settings.devices.size() && setDevice(settings.devices[index], key.substr(0, dot), value);
  }
  bool known = !settings.devices.empty();
  for (DeviceSettings& device : settings.devices) known = known && setDevice(device, key, value);
  return known || setMachine(settings, key, value);
}

int copyText(const std::string& text, char* target, int capacity) {
  if (target != nullptr && capacity > 0) snprintf(target, capacity, "%s", text.c_str());
  return int(text.size());
}

} // namespace

} // namespace standin

// Begins anew as lines of "key=value" say; the number of the first line that is not understood, else 0.
EXPORTED int standin_configure(const char* text) {
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  Settings settings;
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); number++) {
    if (line.empty()) continue;
    size_t equals = line.find('=');
    if (equals == std::string::npos) return number;
    std::string key = line.substr(0, equals), value = line.substr(equals + 1);
    if (key == "devices") {
      settings.devices.assign(strtoul(value.c_str(), nullptr, 10), DeviceSettings{});
    } else if (!setOne(settings, key, value)) {
      return number;
    }
  }
  machine.configure(settings, lock);
  return 0;
}

namespace {

uintptr_t guardedBlocks(void (*action)(void*), void* data) {
  DeviceAccess access;
  return guarded([&] { action(data); });
}

} // namespace

// Adds a library's kernels to those that launches run; null, or why that cannot be.
EXPORTED const char* standin_kernels(const char* path) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return dlerror();
  auto table = reinterpret_cast<const ServalHostKernel* (*)(int*)>(dlsym(library, "serval_host_kernels"));
  if (table == nullptr) return "no function serval_host_kernels";
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  int count = 0;
  const ServalHostKernel* kernels = table(&count);
  for (int i = 0; i < count; i++) machine.kernels[kernels[i].name] = &kernels[i];
  auto guard = reinterpret_cast<decltype(&serval_host_guard)>(dlsym(library, "serval_host_guard"));
  auto threads = reinterpret_cast<decltype(&serval_host_threads)>(dlsym(library, "serval_host_threads"));
  if (guard != nullptr) guard(guardedBlocks);
  if (threads != nullptr) threads(int(std::thread::hardware_concurrency()));
  return nullptr;
}

// From the call after `after` more ones, `times` calls (-1: all) of the function give the code. "copy", "memset", "kernel" and
// "kernel NAME" stand for the execution of such work, which breaks the context.
EXPORTED void standin_fail(const char* function, long after, long times, int code) {
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  if (times != 0) machine.faults.push_back({function, after, times, code});
}

EXPORTED void standin_heal() {
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  machine.faults.clear();
}

// 0 none, 1 random within [least, most] microseconds, 2 until somebody waits.
EXPORTED void standin_delay(int mode, uint64_t seed, long least, long most) {
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  machine.delayMode = static_cast<DelayMode>(mode);
  machine.random.state = seed;
  machine.delayMin = least * 1000;
  machine.delayMax = std::max(least, most) * 1000;
  machine.given.notify_all();
}

EXPORTED int standin_slow(Handle handle, long microseconds) {
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  auto found = machine.streams.find(handle);
  if (found == machine.streams.end()) return INVALID_HANDLE;
  found->second->slow = microseconds * 1000;
  return SUCCESS;
}

// The context of the device fails with the code, as after a kernel that went wrong.
EXPORTED int standin_break(int ordinal, int code) {
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  Device* device = deviceOf(machine, ordinal);
  if (device == nullptr) return INVALID_DEVICE;
  for (auto& [handle, context] : machine.contexts) {
    if (context->device == device) machine.fail(context, code, "asked for by a test");
  }
  machine.changed.notify_all();
  return SUCCESS;
}

// The device is gone: all calls about it give the code.
EXPORTED int standin_lose(int ordinal, int code) {
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  Device* device = deviceOf(machine, ordinal);
  if (device == nullptr) return INVALID_DEVICE;
  device->lost = code;
  machine.changed.notify_all();
  return SUCCESS;
}

EXPORTED uint64_t standin_violations() {
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  return machine.violationCount;
}

EXPORTED int standin_violation(uint64_t index, char* text, int capacity) {
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  return copyText(index < machine.violations.size() ? machine.violations[index] : "", text, capacity);
}

EXPORTED void standin_forgive() {
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  machine.violations.clear();
  machine.violationCount = 0;
}

// What is alive: how many, and in words.
EXPORTED uint64_t standin_leaks(char* text, int capacity) {
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  copyText(machine.leaks(nullptr), text, capacity);
  return machine.leakCount(nullptr);
}

// Executes up to so many operations that are ready; how many it were.
EXPORTED long standin_step(long most) {
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  long done = 0;
  while (done < most && machine.step(lock)) done++;
  return done;
}

EXPORTED uint64_t standin_pending() {
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  return machine.pending();
}

EXPORTED uint64_t standin_calls(const char* function) {
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  auto found = machine.calls.find(function);
  return found == machine.calls.end() ? 0 : found->second;
}

// "copies", "kernels", "graphs", "hostToDevice", "deviceToHost", "deviceToDevice" (bytes).
EXPORTED uint64_t standin_counter(const char* name) {
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  auto found = machine.counters.find(name);
  return found == machine.counters.end() ? 0 : found->second;
}

// A pool above the driver took back this part of a block: it must not be used until it is lent again, and whatever used it must
// be known to be done.
EXPORTED void standin_returned(uintptr_t begin, size_t bytes) {
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  machine.returned[begin] = begin + bytes;
  BlockRef block = machine.find(begin, bytes);
  if (block == nullptr || health(block->context) != 0) return;
  for (const Access& access : block->accesses) {
    bool touches = access.end == 0 || (access.begin < begin + bytes && begin < access.end);
    if (!touches || machine.host.covers(access.stream, access.sequence)) continue;
    machine.violation("a part of " + std::to_string(bytes) + " bytes, " + machine.whereIs(begin) +
                      ", was given back without waiting for " + access.name + ", which uses it");
    return;
  }
}

EXPORTED void standin_lent(uintptr_t begin, size_t bytes) {
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  auto& parts = machine.returned;
  auto at = parts.lower_bound(begin);
  if (at != parts.begin() && std::prev(at)->second > begin) --at;
  while (at != parts.end() && at->first < begin + bytes) {
    auto [first, last] = *at;
    at = parts.erase(at);
    if (first < begin) parts[first] = begin;
    if (last > begin + bytes) at = parts.emplace(begin + bytes, last).first;
  }
}

// ---------------------------------------------------------------------------------------------------------------- NVML

namespace {

void notify(Machine& machine, const Notice& notice) {
  for (auto& [handle, set] : machine.noticeSets) {
    auto types = set->types.find(notice.device);
    if (types != set->types.end() && (types->second & notice.type) != 0) set->notices.push_back(notice);
  }
  machine.changed.notify_all();
}

template <class Body> int withDevice(int ordinal, Body body) {
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  Device* device = deviceOf(machine, ordinal);
  if (device == nullptr) return INVALID_DEVICE;
  body(machine, *device);
  return SUCCESS;
}

} // namespace

// The driver reports an Xid; instances are -1 where it concerns the whole device.
EXPORTED int standin_xid(int ordinal, uint64_t xid, int gpuInstance, int computeInstance) {
  return withDevice(ordinal, [&](Machine& machine, Device&) {
    notify(machine, {ordinal, 8, xid, unsigned(gpuInstance), unsigned(computeInstance)});
  });
}

EXPORTED int standin_recovery(int ordinal, int action) {
  return withDevice(ordinal, [&](Machine&, Device& device) { device.recovery = action; });
}

EXPORTED int standin_link(int ordinal, int link, int up) {
  return withDevice(ordinal, [&](Machine&, Device& device) {
    std::erase(device.linksDown, link);
    if (!up) device.linksDown.push_back(link);
  });
}

EXPORTED int standin_process(int ordinal, unsigned process, uint64_t bytes) {
  return withDevice(ordinal, [&](Machine&, Device& device) { device.processes.emplace_back(process, bytes); });
}

EXPORTED int standin_utilisation(int ordinal, int percent, int memoryPercent) {
  return withDevice(ordinal, [&](Machine&, Device& device) {
    device.utilisation = percent;
    device.memoryUtilisation = memoryPercent;
  });
}

// Reads memory of a device past all rules; 0, or the address that cannot be read.
EXPORTED uintptr_t standin_peek(uintptr_t address, void* target, size_t bytes) {
  DeviceAccess access;
  return guarded([&] { memcpy(target, reinterpret_cast<const void*>(address), bytes); });
}

// Touches an address as the host does; 1 if that faults.
EXPORTED int standin_faults(uintptr_t address) {
  volatile char sink;
  uintptr_t fault = guarded([&] { sink = *reinterpret_cast<volatile char*>(address); });
  (void)sink;
  return fault != 0;
}

// Whether host threads fault on live device memory; where the processor has no protection keys they do not.
EXPORTED int standin_guards() { return AddressSpace::guarded(); }
