// What the kernels of check_kernels.cu take.
#pragma once

#include <stdint.h>

struct Fill {
  void* to;
  int64_t count;
  uint64_t seed;
  float scale;
};
struct FillScales {
  char* to;
  int64_t tiles;
  int32_t tileBytes;
  int32_t base; // bits of the least scale
  int32_t powers; // 1: scales are bytes, exponents of powers of two near 2^-5
};
struct Reference {
  const uint16_t* in;
  const void* weight;
  const float* bias;
  double* out; // [rows][weightRows]
  int32_t weightRows;
  int32_t columns;
  int32_t inStride;
  int32_t weightStride;
  int32_t type; // 0 BF16, 1 Q8_0, 2 Q4_0, 3 MXFP4
};
struct ReadAll {
  const void* from;
  uint32_t* to;
  int64_t count; // of 16 bytes
};
