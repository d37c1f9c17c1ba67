// How the packed tiles of a weight become what tensor cores take.
#pragma once

#include "device.cuh"

namespace serval {

// How a weight's tile lies in shared memory. A fragment is 16 rows from `row` on; `step` counts 16 k.
struct Bf16Tile {
  static constexpr int BYTES = 8192;
  uint32_t unused;
  __device__ __forceinline__ void scales(const unsigned char*, int) {}
  __device__ __forceinline__ void fragments(uint32_t (&a)[2][4], const unsigned char* tile, int row, int steps) const {
    int lane = threadIdx.x % LANES, r = row + lane % 16;
    for (int i = 0; i < 2; i++) load_matrices(a[i], tile + r * 128 + (((2 * (2 * steps + i) + lane / 16) ^ (r & 7)) * 16));
  }
};

// Two numbers times their scale, as a tensor core takes them.
__device__ __forceinline__ uint32_t scaled_pair(uint32_t first, uint32_t second, float zero, float scale) {
  return bf16_pair(__fmul_rn(__fsub_rn(__uint_as_float(first), zero), scale), __fmul_rn(__fsub_rn(__uint_as_float(second), zero), scale));
}

// The bits of 2^23; a number below 2^16 in its lower half is added to it.
constexpr uint32_t LARGE = 0x4b000000u;

struct Q8Tile {
  static constexpr int BYTES = 4352;
  uint32_t scale[2]; // of rows g and g + 8, for k 0-31 and 32-63
  __device__ __forceinline__ void scales(const unsigned char* tile, int row) {
    int g = threadIdx.x % LANES / 4;
    for (int i = 0; i < 2; i++) scale[i] = *(const uint32_t*)(tile + 4096 + (row + g + 8 * i) * 4);
  }
  __device__ __forceinline__ void fragments(uint32_t (&a)[2][4], const unsigned char* tile, int row, int steps) const {
    int lane = threadIdx.x % LANES, r = row + lane % 16;
    uint32_t words[4];
    load_matrices(words, tile + r * 64 + (((2 * steps + lane / 16) ^ ((r >> 1) & 3)) * 16));
    for (int i = 0; i < 4; i++) {
      float d = half_value((uint16_t)(scale[i % 2] >> (16 * steps)));
      uint32_t q = words[i] ^ 0x80808080u;
      for (int j = 0; j < 2; j++)
        a[i / 2][i % 2 + 2 * j] = scaled_pair(__byte_perm(q, LARGE, 0x7440 | (2 * j)), __byte_perm(q, LARGE, 0x7440 | (2 * j + 1)), 8388736.0f, d);
    }
  }
};

struct Q4Tile {
  static constexpr int BYTES = 2304;
  uint32_t scale[2];
  __device__ __forceinline__ void scales(const unsigned char* tile, int row) {
    int g = threadIdx.x % LANES / 4;
    for (int i = 0; i < 2; i++) scale[i] = *(const uint32_t*)(tile + 2048 + (row + g + 8 * i) * 4);
  }
  __device__ __forceinline__ void fragments(uint32_t (&a)[2][4], const unsigned char* tile, int row, int steps) const {
    int g = threadIdx.x % LANES / 4, t = threadIdx.x % 4;
    for (int i = 0; i < 2; i++) {
      int r = row + g + 8 * i;
      uint32_t word = *(const uint32_t*)(tile + r * 32 + ((steps ^ ((r >> 2) & 1)) * 16) + 4 * t);
      float d = half_value((uint16_t)(scale[i] >> (16 * steps)));
      for (int j = 0; j < 4; j++) {
        uint32_t pair = word >> (4 * j) & 0x000f000fu;
        a[j / 2][i + j % 2 * 2] = scaled_pair(__byte_perm(pair, LARGE, 0x7410), __byte_perm(pair, LARGE, 0x7432), 8388616.0f, d);
      }
    }
  }
};

} // namespace serval
