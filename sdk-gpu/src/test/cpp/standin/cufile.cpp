// cuFile, as far as opening it and asking what it can do goes.
#include "api.h"

#include <cstring>

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

Error answer(const char* name) {
  standin::Machine& machine = standin::Machine::get();
  standin::Lock lock(machine.mutex);
  return {machine.injected(name), 0};
}

} // namespace

EXPORTED Error cuFileDriverOpen() { return answer("cuFileDriverOpen"); }

EXPORTED Error cuFileDriverClose_v2() { return answer("cuFileDriverClose"); }

EXPORTED Error cuFileDriverGetProperties(Properties* properties) {
  std::memset(properties, 0, sizeof *properties);
  if (!standin::Machine::get().settings.gpuDirect) return answer("cuFileDriverGetProperties");
  properties->driver.major = 2;
  properties->driver.minor = 17;
  properties->driver.storage = 1u << 4; // NVMe
  return answer("cuFileDriverGetProperties");
}
