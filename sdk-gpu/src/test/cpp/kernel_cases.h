// What the kernels must do, as cases that any machine that can launch them can run: the processor (kernels_test.cpp) or a GPU.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace serval_cases {

class Machine {
public:
  virtual ~Machine() = default;
  // Memory of the machine, all bits set; lives until release().
  virtual void* allocate(size_t bytes) = 0;
  virtual void release() = 0;
  virtual void write(void* to, const void* from, size_t bytes) = 0;
  // Waits for all launches before.
  virtual void read(void* to, const void* from, size_t bytes) = 0;
  virtual bool has(const char* kernel) = 0;
  // Threads of a block and shared memory are those of kernels.txt.
  virtual void launch(const char* kernel, uint32_t gridX, uint32_t gridY, uint32_t gridZ, const void* argument, size_t argumentBytes) = 0;
};

// Runs all cases whose name contains `filter`, prints those that fail, and says how many did. `scale` 1 is for the processor; more
// means larger shapes.
int run_cases(Machine& machine, const char* filter, int scale);

} // namespace serval_cases
