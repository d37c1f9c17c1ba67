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

// Numbers to unpack stand for themselves: in the second byte of a float that is otherwise 2^15, so each adds its value, and one
// multiplication with the scale d and addition of -(2^15 + zero) d leaves (number - zero) d. Neither rounds: d has 11 bits, 2^15 + zero
// at most 13 that count.
constexpr uint32_t LARGE = 0x47000000u;
struct Scale {
  using Two = uint32_t; // those of a row
  float d, offset;
  __device__ __forceinline__ Scale(uint32_t bits, float zero) : d(half_value((uint16_t)bits)), offset(__fmul_rn(-(32768.0f + zero), d)) {}
  // Of the bytes at two places of a word, rounded, as a tensor core takes them.
  template <int FIRST, int SECOND> __device__ __forceinline__ uint32_t pair(uint32_t word) const {
    float first = __uint_as_float(__byte_perm(word, LARGE, 0x7404 | FIRST << 4));
    float second = __uint_as_float(__byte_perm(word, LARGE, 0x7404 | SECOND << 4));
    return bf16_pair(__fmaf_rn(first, d, offset), __fmaf_rn(second, d, offset));
  }
  // Of the lowest four bits of both halves of a word.
  __device__ __forceinline__ uint32_t pair(uint32_t word) const { return pair<0, 2>(word & 0x000f000fu); }
};

// Likewise for four bits, two at a time and to the same bits: behind the bits of 128 in BF16 they add their value, of which 136 is
// taken away. The scale is the sum of two BF16, `high` of its first 8 bits and `low` of its last 3. A number times `low` is exact, so
// that plus the number times `high` is rounded but once. It takes fewer instructions where few tokens make unpacking the most of the
// work, and units that products of many tokens need.
constexpr uint32_t BESIDE_128 = 0x43004300u, MINUS_136 = 0xc308c308u, ONES = 0x3f803f80u, MINUS_ZEROS = 0x80008000u;
struct PairScale {
  using Two = uint32_t;
  uint32_t high, low;
  __device__ __forceinline__ PairScale(uint32_t bits, float) {
    float d = half_value((uint16_t)bits);
    uint32_t first = __float_as_uint(d) & 0xffff0000u;
    float last = __fsub_rn(d, __uint_as_float(first));
    high = __byte_perm(first, 0, 0x3232);
    low = bf16_pair(last, last);
  }
  __device__ __forceinline__ uint32_t pair(uint32_t word) const {
    uint32_t number = multiply_add_pairs(word & 0x000f000fu | BESIDE_128, ONES, MINUS_136);
    return multiply_add_pairs(number, high, multiply_add_pairs(number, low, MINUS_ZEROS));
  }
};

// Of MXFP4. A number's bits, moved to where BF16 has the like, are those of 2^-126 times the number, its 1/2 too, so it takes 2^126
// and the scale, 2^(e - 127), to make it what it is, exactly. A scale whose e is 255 is no number.
constexpr uint32_t POWERS_OF_126 = 0x7e807e80u;
struct PowerScale {
  using Two = uint16_t;
  uint32_t power;
  __device__ __forceinline__ PowerScale(uint32_t bits, float) {
    uint32_t e = bits & 255;
    power = max(e << 7 | (e + 1) >> 8, 0x40u) * 0x10001u;
  }
  __device__ __forceinline__ uint32_t pair(uint32_t word) const {
    uint32_t number = (word & 0x00070007u) << 6 | (word & 0x00080008u) << 12;
    return multiply_add_pairs(multiply_add_pairs(number, POWERS_OF_126, MINUS_ZEROS), power, MINUS_ZEROS);
  }
};

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
      Scale d(scale[i % 2] >> (16 * steps), 128.0f);
      uint32_t q = words[i] ^ 0x80808080u;
      a[i / 2][i % 2] = d.pair<0, 1>(q);
      a[i / 2][i % 2 + 2] = d.pair<2, 3>(q);
    }
  }
};

template <class Scale_> struct NibbleTile {
  using Two = typename Scale_::Two;
  static constexpr int BYTES = 2048 + TILE * (int)sizeof(Two);
  uint32_t scale[2];
  __device__ __forceinline__ void scales(const unsigned char* tile, int row) {
    int g = threadIdx.x % LANES / 4;
    for (int i = 0; i < 2; i++) scale[i] = *(const Two*)(tile + 2048 + (row + g + 8 * i) * sizeof(Two));
  }
  __device__ __forceinline__ void fragments(uint32_t (&a)[2][4], const unsigned char* tile, int row, int steps) const {
    int g = threadIdx.x % LANES / 4, t = threadIdx.x % 4;
    for (int i = 0; i < 2; i++) {
      int r = row + g + 8 * i;
      uint32_t word = *(const uint32_t*)(tile + r * 32 + ((steps ^ ((r >> 2) & 1)) * 16) + 4 * t);
      Scale_ d(scale[i] >> (4 * (int)sizeof(Two) * steps), 8.0f);
      for (int j = 0; j < 4; j++) a[j / 2][i + j % 2 * 2] = d.pair(word >> (4 * j));
    }
  }
};
using Q4Tile = NibbleTile<Scale>;
using Q4TileOfPairs = NibbleTile<PairScale>;
using Mxfp4Tile = NibbleTile<PowerScale>;

} // namespace serval
