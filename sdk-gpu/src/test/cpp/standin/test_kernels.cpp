// Kernels for the stand-in's own tests.
#include "../host_kernels.h"

#include <chrono>
#include <thread>

namespace {

struct Scale {
  float* values;
  int64_t count;
  float factor;
  int32_t unused;
};

void scale(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, size_t, const void* argument) {
  const auto& a = *static_cast<const Scale*>(argument);
  for (int64_t i = 0; i < a.count; i++) a.values[i] *= a.factor;
}

struct Append {
  int32_t* list; // its length, then its elements
  int32_t value;
  int32_t unused;
};

void append(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, size_t, const void* argument) {
  const auto& a = *static_cast<const Append*>(argument);
  a.list[++a.list[0]] = a.value;
}

struct Spin {
  int64_t microseconds;
};

void spin(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, size_t, const void* argument) {
  auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(static_cast<const Spin*>(argument)->microseconds);
  while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
}

const ServalHostKernel KERNELS[] = {
    {"standin_append", append, sizeof(Append)},
    {"standin_scale", scale, sizeof(Scale)},
    {"standin_spin", spin, sizeof(Spin)},
};

} // namespace

extern "C" __attribute__((visibility("default"))) const ServalHostKernel* serval_host_kernels(int* count) {
  *count = sizeof KERNELS / sizeof KERNELS[0];
  return KERNELS;
}
