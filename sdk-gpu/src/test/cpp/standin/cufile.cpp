// cuFile: files that go to a device's memory. A read waits, as the library's does, and writes at once.
#include "api.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <unistd.h>

using standin::Handle;

namespace {

struct Error {
  int code, cuda;
};

struct Properties {
  struct {
    unsigned major, minor;
    size_t pollThreshold, maxDirect;
    unsigned storage, control;
  } driver;
  unsigned features, maxDeviceCache, perBufferCache, maxPinned, maxBatch, batchTimeout;
};

struct Descriptor {
  int kind;
  union {
    int number;
    void* handle;
  };
  const void* functions;
};

enum { NOT_OPEN = 5001, INVALID_VALUE = 5022, NOT_REGISTERED = 5023, ALREADY_REGISTERED = 5024, BAD_HANDLE = 5025 };

// What is known to the library, under the machine's mutex.
struct Library {
  uint64_t generation = 0;
  int users = 0;
  uint64_t next = 0x5000;
  std::map<uint64_t, int> files;
  std::map<uintptr_t, size_t> memory;
};

Library& library(standin::Machine& machine) {
  static Library all;
  if (all.generation != machine.generation) all = Library(), all.generation = machine.generation;
  return all;
}

template <class Body> Error with(const char* name, bool needsOpen, Body body) {
  standin::Machine& machine = standin::Machine::get();
  standin::Lock lock(machine.mutex);
  machine.calls[name]++;
  if (int code = machine.injected(name)) return {code, 0};
  Library& known = library(machine);
  if (needsOpen && known.users == 0) return {NOT_OPEN, 0};
  return {body(machine, known), 0};
}

} // namespace

EXPORTED Error cuFileDriverOpen() {
  return with("cuFileDriverOpen", false, [](standin::Machine&, Library& known) {
    known.users++;
    return 0;
  });
}

EXPORTED Error cuFileDriverClose_v2() {
  return with("cuFileDriverClose", true, [](standin::Machine& machine, Library& known) {
    if (--known.users > 0) return 0;
    if (!known.files.empty()) machine.violation("cuFileDriverClose while files are registered");
    if (!known.memory.empty()) machine.violation("cuFileDriverClose while memory is registered");
    return 0;
  });
}

EXPORTED Error cuFileDriverGetProperties(Properties* properties) {
  return with("cuFileDriverGetProperties", true, [&](standin::Machine& machine, Library&) {
    memset(properties, 0, sizeof *properties);
    if (machine.settings.fileCompat) properties->driver.control = 1u << 1;
    if (!machine.settings.gpuDirect) return 0;
    properties->driver.major = 2;
    properties->driver.minor = 17;
    properties->driver.storage = 1u << 4; // NVMe
    return 0;
  });
}

EXPORTED Error cuFileHandleRegister(uint64_t* handle, const Descriptor* file) {
  return with("cuFileHandleRegister", true, [&](standin::Machine&, Library& known) {
    if (file->kind != 1 || file->functions != nullptr) return int(INVALID_VALUE);
    *handle = ++known.next;
    known.files[*handle] = file->number;
    return 0;
  });
}

EXPORTED void cuFileHandleDeregister(uint64_t handle) {
  with("cuFileHandleDeregister", false, [&](standin::Machine& machine, Library& known) {
    if (known.files.erase(handle) == 0) machine.violation("cuFileHandleDeregister of a file that is not registered");
    return 0;
  });
}

EXPORTED Error cuFileBufRegister(uintptr_t begin, size_t bytes, int) {
  return with("cuFileBufRegister", true, [&](standin::Machine& machine, Library& known) {
    if (machine.find(begin, bytes) == nullptr) return int(INVALID_VALUE);
    return known.memory.emplace(begin, bytes).second ? 0 : int(ALREADY_REGISTERED);
  });
}

EXPORTED Error cuFileBufDeregister(uintptr_t begin) {
  return with("cuFileBufDeregister", true, [&](standin::Machine& machine, Library& known) {
    if (known.memory.erase(begin) != 0) return 0;
    machine.violation("cuFileBufDeregister of memory that is not registered");
    return int(NOT_REGISTERED);
  });
}

EXPORTED long cuFileRead(uint64_t handle, uintptr_t base, size_t bytes, long fileOffset, long memoryOffset) {
  int number = -1;
  Error error = with("cuFileRead", true, [&](standin::Machine& machine, Library& known) {
    auto file = known.files.find(handle);
    if (file == known.files.end()) return int(BAD_HANDLE);
    number = file->second;
    auto range = known.memory.upper_bound(base);
    bool inside = range != known.memory.begin() && base + memoryOffset + bytes <= std::prev(range)->first + std::prev(range)->second;
    if (!inside) machine.violation("cuFileRead to memory that is not registered");
    return inside ? 0 : int(NOT_REGISTERED);
  });
  if (error.code != 0) return -error.code;
  std::unique_ptr<void, decltype(&free)> room(aligned_alloc(4096, (bytes + 4095) & ~size_t(4095)), free);
  ssize_t got = pread(number, room.get(), bytes, fileOffset);
  if (got <= 0) return got;
  uintptr_t fault;
  {
    standin::DeviceAccess access;
    fault = standin::guarded([&] { memcpy(reinterpret_cast<void*>(base + memoryOffset), room.get(), size_t(got)); });
  }
  standin::Machine& machine = standin::Machine::get();
  standin::Lock lock(machine.mutex);
  if (fault != 0) machine.violation("cuFileRead to memory that is not there");
  machine.counters["fileToDevice"] += size_t(got);
  return got;
}
