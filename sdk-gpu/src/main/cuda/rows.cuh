// Rows of activations, eight columns at a time.
#pragma once

#include "device.cuh"

namespace serval {

struct Eight {
  float x[8];
};

// Columns from `from` on; zeros beyond the last. Rows of activations are whole groups of four columns.
__device__ __forceinline__ Eight load_eight(const float* row, int from, int columns) {
  Eight e;
  float4 first = *(const float4*)(row + from);
  float4 second = from + 4 < columns ? *(const float4*)(row + from + 4) : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
  e.x[0] = first.x, e.x[1] = first.y, e.x[2] = first.z, e.x[3] = first.w;
  e.x[4] = second.x, e.x[5] = second.y, e.x[6] = second.z, e.x[7] = second.w;
  for (int i = 0; i < 8; i++)
    if (from + i >= columns) e.x[i] = 0.0f;
  return e;
}

// Likewise of a row that may lie anywhere and have any number of columns.
__device__ __forceinline__ Eight load_any_eight(const float* row, int from, int columns) {
  if ((((uintptr_t)row | (uintptr_t)columns * sizeof(float)) & 15) == 0) return load_eight(row, from, columns);
  Eight e;
#pragma unroll
  for (int i = 0; i < 8; i++) e.x[i] = from + i < columns ? row[from + i] : 0.0f;
  return e;
}

__device__ __forceinline__ uint4 rounded(const Eight& e) {
  return make_uint4(bf16_pair(e.x[0], e.x[1]), bf16_pair(e.x[2], e.x[3]), bf16_pair(e.x[4], e.x[5]), bf16_pair(e.x[6], e.x[7]));
}

// Where a row goes: F32, or an operand up to the end of its last k tile.
struct Rows {
  void* out;
  int stride;
  bool operand;
  __device__ __forceinline__ void store(int row, int from, int columns, const Eight& e) const {
    if (operand) {
      *(uint4*)((uint16_t*)out + operand_chunk(stride, row, from)) = rounded(e);
      return;
    }
    float* to = (float*)out + (int64_t)row * stride + from;
    if (from + 8 <= columns) {
      *(float4*)to = make_float4(e.x[0], e.x[1], e.x[2], e.x[3]);
      *(float4*)(to + 4) = make_float4(e.x[4], e.x[5], e.x[6], e.x[7]);
    } else {
#pragma unroll
      for (int i = 0; i < 8; i++)
        if (from + i < columns) to[i] = e.x[i];
    }
  }
  // How many groups of eight columns are to be written.
  __device__ __forceinline__ int groups(int columns) const { return operand ? tiles_of(columns) * 8 : (columns + 7) / 8; }
};

__device__ __forceinline__ const Eight none() {
  Eight e;
  for (int i = 0; i < 8; i++) e.x[i] = 0.0f;
  return e;
}

} // namespace serval
