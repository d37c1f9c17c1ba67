// What the machine can do: the measures that kernels are held against.
#pragma once

#include "check.h"
#include "check_kernels.h"

inline void check_ceilings(Checks& checks) {
  Gpu& gpu = checks.gpu;
  char name[100];
  int version = 0;
  gpu.check(gpu.driver.cuDeviceGetName(name, sizeof name, gpu.device), "cuDeviceGetName");
  gpu.check(gpu.driver.cuDriverGetVersion(&version), "cuDriverGetVersion");
  checks.row("%s, %d multiprocessors, driver for CUDA %d.%d, L2 %d MiB", name, gpu.multiprocessors, version / 1000, version % 1000 / 10,
             gpu.attribute(CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE) >> 20);
  size_t bytes = (size_t)2 << 30;
  CUdeviceptr a = gpu.allocate(bytes), b = gpu.allocate(bytes);
  gpu.launch(gpu.kernel("check_kernels", "fill_bytes", 256), {4096}, Fill{(void*)a, (int64_t)bytes, 1, 1.0f});
  double copy = gpu.time(9, [&](int) { gpu.check(gpu.driver.cuMemcpyDtoDAsync(b, a, bytes, gpu.stream), "cuMemcpyDtoDAsync"); });
  checks.row("ceiling copy          %8.0f GB/s, reads and writes counted", 2 * bytes / copy / 1e3);
  for (int blocks : {4, 8, 16}) {
    double read = gpu.time(9, [&](int) {
      gpu.launch(gpu.kernel("check_kernels", "read_all", 512), {(unsigned)(gpu.multiprocessors * blocks)}, ReadAll{(void*)a, (uint32_t*)b, (int64_t)(bytes / 16)});
    });
    checks.row("ceiling read          %8.0f GB/s, %d blocks a multiprocessor", bytes / read / 1e3, blocks);
  }
  void* host;
  size_t pinned = (size_t)512 << 20;
  gpu.check(gpu.driver.cuMemHostAlloc(&host, pinned, 0), "cuMemHostAlloc");
  memset(host, 1, pinned);
  double up = gpu.time(7, [&](int) { gpu.check(gpu.driver.cuMemcpyHtoDAsync(a, host, pinned, gpu.stream), "cuMemcpyHtoDAsync"); });
  double down = gpu.time(7, [&](int) { gpu.check(gpu.driver.cuMemcpyDtoHAsync(host, a, pinned, gpu.stream), "cuMemcpyDtoHAsync"); });
  checks.row("ceiling host          %8.1f GB/s to the device, %.1f GB/s back, pinned", pinned / up / 1e3, pinned / down / 1e3);
}

static GroupOf ceilings("ceilings", 30, check_ceilings);
