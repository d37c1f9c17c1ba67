// The kernels of src/main/cuda compiled for the processor (libserval_kernels_host.so): what a stand-in for the driver calls in
// place of a launch.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct ServalHostKernel {
  const char* name; // as in the GPU's modules
  // Runs every block of the grid, in an order that serval_host_seed decides, and returns when all are done. May be called by
  // several threads at once. `argument` is the structure that the kernel takes; memory it points to is the process's own.
  void (*run)(uint32_t gridX, uint32_t gridY, uint32_t gridZ, uint32_t blockX, uint32_t blockY, uint32_t blockZ,
              size_t sharedBytes, const void* argument);
  size_t argumentBytes;
};

extern "C" {
// All kernels, ordered by name.
const ServalHostKernel* serval_host_kernels(int* count);

// Begins another order of blocks, and of threads within them.
void serval_host_seed(uint64_t seed);

// How many threads of the processor share the blocks of a launch, the caller's included; 1 at first, and never fewer than before.
void serval_host_threads(int threads);

// What runs blocks on each of these threads: it gives 0, or the address where an access ended the action early. The launch then
// touches that address on the caller's thread.
void serval_host_guard(uintptr_t (*guard)(void (*action)(void*), void* data));
}
