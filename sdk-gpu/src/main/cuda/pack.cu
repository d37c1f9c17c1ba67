// Takes over weights as they are stored: matrices to the layouts of abi.h, vectors to F32; and brings BF16 back to rows. A block
// for each row.
#include "device.cuh"

namespace serval {

// Where the 16-byte chunk of columns 8 c to 8 c + 7 lies in a packed BF16 matrix.
__device__ __forceinline__ uint4* packed_chunk(void* target, int row, int c, int kTiles) {
  int64_t tile = (int64_t)(row / TILE) * kTiles + c / 8;
  return (uint4*)target + tile * (TILE * 8) + row % TILE * 8 + ((c % 8) ^ (row & 7));
}

__device__ __forceinline__ uint32_t two_bytes(const unsigned char* at) { return at[0] | (uint32_t)at[1] << 8; }

// Rounds a row's elements, as `element` gives them, to packed BF16.
template <class F> __device__ __forceinline__ void pack_rounded(const Pack& a, int row, F element) {
  for (int c = threadIdx.x; c < (a.columns + 7) / 8; c += blockDim.x) {
    float x[8];
    for (int i = 0; i < 8; i++) x[i] = 8 * c + i < a.columns ? element(8 * c + i) : 0.0f;
    *packed_chunk(a.target, a.firstRow + row, c, a.targetStride) =
        make_uint4(bf16_pair(x[0], x[1]), bf16_pair(x[2], x[3]), bf16_pair(x[4], x[5]), bf16_pair(x[6], x[7]));
  }
}

// A block of the formats whose blocks hold 32 elements in 4 or 5 bits: scale, perhaps a minimum, perhaps fifth bits, nibbles.
struct SmallBlock {
  bool minimum;
  bool fifth;
  int bias;
  __device__ __forceinline__ int bytes() const { return 18 + (minimum ? 2 : 0) + (fifth ? 4 : 0); }
  __device__ __forceinline__ float element(const unsigned char* row, int k) const {
    const unsigned char* block = row + (int64_t)(k / 32) * bytes();
    int i = k % 32, at = minimum ? 4 : 2;
    int q = block[at + (fifth ? 4 : 0) + i % 16] >> (i / 16 * 4) & 15;
    if (fifth) q |= (block[at + i / 8] >> (i % 8) & 1) << 4;
    float value = __fmul_rn(half_value((uint16_t)two_bytes(block)), (float)(q - bias));
    return minimum ? __fadd_rn(value, half_value((uint16_t)two_bytes(block + 2))) : value;
  }
};

// Q4_K and Q5_K: the scales of 32 elements are 6 bits each, in 12 bytes.
__device__ __forceinline__ float element_of_sub_blocks(const unsigned char* row, int k, bool fifth) {
  const unsigned char* block = row + (int64_t)(k / 256) * (fifth ? 176 : 144);
  const unsigned char* scales = block + 4;
  int i = k % 256, j = i / 32;
  int s = j < 4 ? scales[j] & 63 : (scales[j + 4] & 15) | scales[j - 4] >> 6 << 4;
  int t = j < 4 ? scales[j + 4] & 63 : scales[j + 4] >> 4 | scales[j] >> 6 << 4;
  int q = block[(fifth ? 48 : 16) + i / 64 * 32 + i % 32] >> (i % 64 / 32 * 4) & 15;
  if (fifth) q |= (block[16 + i % 32] >> j & 1) << 4;
  float factor = __fmul_rn(half_value((uint16_t)two_bytes(block)), (float)s);
  float offset = __fmul_rn(half_value((uint16_t)two_bytes(block + 2)), (float)t);
  return __fsub_rn(__fmul_rn(factor, (float)q), offset);
}

__device__ __forceinline__ float element_of_q6_k(const unsigned char* row, int k) {
  const unsigned char* block = row + (int64_t)(k / 256) * 210;
  int i = k % 256, half = i / 128, within = i % 128;
  int q = block[half * 64 + i % 64] >> (within / 64 * 4) & 15;
  q |= (block[128 + half * 32 + i % 32] >> (within / 32 * 2) & 3) << 4;
  float factor = __fmul_rn(half_value((uint16_t)two_bytes(block + 208)), (float)(int8_t)block[192 + i / 16]);
  return __fmul_rn(factor, (float)(q - 32));
}

// Q2_K: for each 16 elements 4 bits that multiply the scale and 4 that multiply the scale of minima.
__device__ __forceinline__ float element_of_q2_k(const unsigned char* row, int k) {
  const unsigned char* block = row + (int64_t)(k / 256) * 84;
  int i = k % 256, pair = block[i / 16];
  int q = block[16 + i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
  float factor = __fmul_rn(half_value((uint16_t)two_bytes(block + 80)), (float)(pair & 15));
  float offset = __fmul_rn(half_value((uint16_t)two_bytes(block + 82)), (float)(pair >> 4));
  return __fsub_rn(__fmul_rn(factor, (float)q), offset);
}

// Q3_K: the scales of 16 elements are 6 bits each, their upper 2 in the last 4 of 12 bytes.
__device__ __forceinline__ float element_of_q3_k(const unsigned char* row, int k) {
  const unsigned char* block = row + (int64_t)(k / 256) * 110;
  int i = k % 256, j = i / 16;
  int s = (block[96 + j % 8] >> (j / 8 * 4) & 15) | (block[104 + j % 4] >> (j / 4 * 2) & 3) << 4;
  int q = block[32 + i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
  q |= (block[i % 32] >> (i / 32) & 1) << 2;
  float factor = __fmul_rn(half_value((uint16_t)two_bytes(block + 108)), (float)(s - 32));
  return __fmul_rn(factor, (float)(q - 4));
}

// The sixteen bytes that nibbles of IQ4_NL and IQ4_XS choose from, a bit pattern each.
__device__ __forceinline__ uint32_t uneven_byte(int place) {
  return (uint32_t)((place < 8 ? 0xF6EADDCFBFAD9881ull : 0x7159453526190D01ull) >> (place % 8 * 8)) & 255;
}

__device__ __forceinline__ float element_of_iq4_xs(const unsigned char* row, int k) {
  const unsigned char* block = row + (int64_t)(k / 256) * 136;
  int i = k % 256, j = i / 32;
  int s = (block[4 + j / 2] >> (j % 2 * 4) & 15) | (two_bytes(block + 2) >> (2 * j) & 3) << 4;
  int place = block[8 + 16 * j + i % 16] >> (i % 32 / 16 * 4) & 15;
  float factor = __fmul_rn(half_value((uint16_t)two_bytes(block)), (float)(s - 32));
  return __fmul_rn(factor, (float)(int8_t)uneven_byte(place));
}

// Types with code books: several elements choose an entry together, and signs are apart, or seven of eight signs that are an even
// number below 0. Scales are 2 s + 1 times that of the block.
__device__ __forceinline__ float odd_scale(const unsigned char* scale, int s) {
  return __fmul_rn(half_value((uint16_t)two_bytes(scale)), (float)(2 * s + 1));
}

__device__ __forceinline__ int even_sign(int bits, int place) { return place < 7 ? bits >> place & 1 : __popc(bits & 127) & 1; }

__device__ __forceinline__ int nibble(const unsigned char* at, int i) { return at[i / 2] >> (i % 2 * 4) & 15; }

__device__ __forceinline__ float signed_element(float factor, const int8_t* entry, int i, int negative) {
  return __fmul_rn(factor, (float)(negative ? -entry[i] : entry[i]));
}

__device__ __forceinline__ float element_of_iq1(float factor, const int8_t* books, int entry, int i, bool less) {
  return __fmul_rn(factor, (float)books[IQ1_BOOK + entry * 8 + i] + (less ? -0.125f : 0.125f));
}

__device__ __forceinline__ float element_of_iq1_s(const int8_t* books, const unsigned char* block, int i) {
  int high = two_bytes(block + 34 + i / 32 * 2);
  int entry = block[2 + i / 8] | (high >> (i / 8 % 4 * 3) & 7) << 8;
  return element_of_iq1(odd_scale(block, high >> 12 & 7), books, entry, i % 8, high >> 15);
}

__device__ __forceinline__ float element_of_iq1_m(const int8_t* books, const unsigned char* block, int i) {
  const unsigned char* scales = block + 48;
  int high = nibble(block + 32, i / 8), entry = block[i / 8] | (high & 7) << 8;
  unsigned char scale[2] = {(unsigned char)(scales[1] >> 4 | (scales[3] & 240)), (unsigned char)(scales[5] >> 4 | (scales[7] & 240))};
  return element_of_iq1(odd_scale(scale, two_bytes(scales + i / 64 * 2) >> (i / 16 % 4 * 3) & 7), books, entry, i % 8, high & 8);
}

__device__ __forceinline__ float element_of_iq2_xxs(const int8_t* books, const unsigned char* block, int i) {
  const unsigned char* group = block + 2 + i / 32 * 8;
  uint32_t rest = two_bytes(group + 4) | two_bytes(group + 6) << 16;
  int place = i / 8 % 4;
  return signed_element(__fmul_rn(odd_scale(block, (int)(rest >> 28)), 0.125f), books + IQ2_XXS_BOOK + group[place] * 8, i % 8,
                        even_sign((int)(rest >> (7 * place)), i % 8));
}

__device__ __forceinline__ float element_of_iq2_xs(const int8_t* books, const unsigned char* block, int i) {
  int code = two_bytes(block + 2 + i / 8 * 2);
  return signed_element(__fmul_rn(odd_scale(block, nibble(block + 66, i / 16)), 0.125f), books + IQ2_XS_BOOK + (code & 511) * 8, i % 8,
                        even_sign(code >> 9, i % 8));
}

__device__ __forceinline__ float element_of_iq2_s(const int8_t* books, const unsigned char* block, int i) {
  int entry = block[2 + i / 8] | (block[66 + i / 32] >> (i / 8 % 4 * 2) & 3) << 8;
  return signed_element(__fmul_rn(odd_scale(block, nibble(block + 74, i / 16)), 0.125f), books + IQ2_S_BOOK + entry * 8, i % 8,
                        block[34 + i / 8] >> (i % 8) & 1);
}

__device__ __forceinline__ float element_of_iq3_xxs(const int8_t* books, const unsigned char* block, int i) {
  const unsigned char* group = block + 66 + i / 32 * 4;
  uint32_t rest = two_bytes(group) | two_bytes(group + 2) << 16;
  return signed_element(__fmul_rn(odd_scale(block, (int)(rest >> 28)), 0.25f), books + IQ3_XXS_BOOK + block[2 + i / 4] * 4, i % 4,
                        even_sign((int)(rest >> (i / 8 % 4 * 7)), i % 8));
}

__device__ __forceinline__ float element_of_iq3_s(const int8_t* books, const unsigned char* block, int i) {
  int entry = block[2 + i / 4] | (block[66 + i / 32] >> (i / 4 % 8) & 1) << 8;
  return signed_element(odd_scale(block, nibble(block + 106, i / 32)), books + IQ3_S_BOOK + entry * 4, i % 4, block[74 + i / 8] >> (i % 8) & 1);
}

// Five digits to the base of 3 are a byte, a fraction of 256.
__device__ __forceinline__ float element_of_tq1_0(const int8_t*, const unsigned char* block, int i) {
  int octet = i < 160 ? block[i % 32] : i < 240 ? block[32 + i % 16] : block[48 + i % 4];
  int place = i < 160 ? i / 32 : i < 240 ? (i - 160) / 16 : (i - 240) / 4;
  int power = place == 0 ? 1 : place == 1 ? 3 : place == 2 ? 9 : place == 3 ? 27 : 81;
  return __fmul_rn(half_value((uint16_t)two_bytes(block + 52)), (float)((octet * power & 255) * 3 / 256 - 1));
}

__device__ __forceinline__ float element_of_tq2_0(const int8_t*, const unsigned char* block, int i) {
  int q = block[i / 128 * 32 + i % 32] >> (i / 32 % 4 * 2) & 3;
  return __fmul_rn(half_value((uint16_t)two_bytes(block + 64)), (float)(q - 1));
}

__device__ __forceinline__ void pack_row_q8_0(const Pack& a, int row) {
  const unsigned char* source = (const unsigned char*)a.source + (int64_t)row * (a.columns / 32 * 34);
  int r = a.firstRow + row;
  for (int c = threadIdx.x; c < a.columns / 16; c += blockDim.x) {
    const unsigned char* block = source + (int64_t)(c / 2) * 34;
    const unsigned char* q = block + 2 + c % 2 * 16;
    unsigned char* tile = (unsigned char*)a.target + ((int64_t)(r / TILE) * a.targetStride + c / 4) * 4352;
    uint32_t words[4];
    for (int t = 0; t < 4; t++) words[t] = two_bytes(q + 2 * t) | two_bytes(q + 2 * t + 8) << 16;
    *(uint4*)(tile + r % TILE * 64 + ((c % 4) ^ ((r >> 1) & 3)) * 16) = make_uint4(words[0], words[1], words[2], words[3]);
    if (c % 2 == 0) *(uint16_t*)(tile + 4096 + r % TILE * 4 + c % 4) = (uint16_t)two_bytes(block);
  }
}

// Exactly: a byte that a nibble chooses is an element of Q8_0.
__device__ __forceinline__ void pack_row_iq4_nl(const Pack& a, int row) {
  const unsigned char* source = (const unsigned char*)a.source + (int64_t)row * (a.columns / 32 * 18);
  int r = a.firstRow + row;
  for (int c = threadIdx.x; c < a.columns / 16; c += blockDim.x) {
    const unsigned char* block = source + (int64_t)(c / 2) * 18;
    const unsigned char* q = block + 2;
    unsigned char* tile = (unsigned char*)a.target + ((int64_t)(r / TILE) * a.targetStride + c / 4) * 4352;
    uint32_t words[4];
    for (int t = 0; t < 4; t++) {
      uint32_t word = 0;
      for (int n = 0; n < 4; n++) word |= uneven_byte(q[2 * t + n % 2 + n / 2 * 8] >> (c % 2 * 4) & 15) << (8 * n);
      words[t] = word;
    }
    *(uint4*)(tile + r % TILE * 64 + ((c % 4) ^ ((r >> 1) & 3)) * 16) = make_uint4(words[0], words[1], words[2], words[3]);
    if (c % 2 == 0) *(uint16_t*)(tile + 4096 + r % TILE * 4 + c % 4) = (uint16_t)two_bytes(block);
  }
}

// Q4_0 and MXFP4: scales of so many bytes, each before its nibbles.
template <int SCALE_BYTES> __device__ __forceinline__ void pack_row_of_nibbles(const Pack& a, int row) {
  constexpr int BLOCK_BYTES = SCALE_BYTES + 16, TILE_BYTES = 2048 + TILE * 2 * SCALE_BYTES;
  const unsigned char* source = (const unsigned char*)a.source + (int64_t)row * (a.columns / 32 * BLOCK_BYTES);
  int r = a.firstRow + row;
  for (int c = threadIdx.x; c < a.columns / 32; c += blockDim.x) {
    const unsigned char* block = source + (int64_t)c * BLOCK_BYTES;
    unsigned char* tile = (unsigned char*)a.target + ((int64_t)(r / TILE) * a.targetStride + c / 2) * TILE_BYTES;
    uint32_t words[4];
    for (int t = 0; t < 4; t++) {
      uint32_t word = 0;
      for (int n = 0; n < 8; n++) {
        int k = 2 * t + (n >> 2) + 8 * (n & 3);
        word |= (uint32_t)(block[SCALE_BYTES + k % 16] >> (k / 16 * 4) & 15) << (4 * n);
      }
      words[t] = word;
    }
    *(uint4*)(tile + r % TILE * 32 + ((c % 2) ^ ((r >> 2) & 1)) * 16) = make_uint4(words[0], words[1], words[2], words[3]);
    unsigned char* scale = tile + 2048 + (r % TILE * 2 + c % 2) * SCALE_BYTES;
    for (int i = 0; i < SCALE_BYTES; i++) scale[i] = block[i];
  }
}

template <class T> __device__ __forceinline__ void copy_row(const Pack& a, int row) {
  const T* source = (const T*)a.source + (int64_t)row * a.columns;
  T* target = (T*)a.target + (int64_t)(a.firstRow + row) * a.targetStride;
  for (int i = threadIdx.x; i < a.columns; i += blockDim.x) target[i] = source[i];
}

} // namespace serval

#define PACK(type, ...)                            \
  KERNEL(pack_##type, Pack, 256, 1, 0) {           \
    using namespace serval;                        \
    wait_for_earlier();                            \
    let_later_begin();                             \
    int row = blockIdx.x;                          \
    if (row < a.rows) {                            \
      __VA_ARGS__;                                 \
    }                                              \
  }

PACK(f32, copy_row<float>(a, row))
PACK(f16, copy_row<uint16_t>(a, row))
PACK(bf16, {
  const uint16_t* source = (const uint16_t*)a.source + (int64_t)row * a.columns;
  for (int c = threadIdx.x; c < (a.columns + 7) / 8; c += blockDim.x) {
    uint32_t x[8];
    for (int i = 0; i < 8; i++) x[i] = 8 * c + i < a.columns ? source[8 * c + i] : 0;
    *packed_chunk(a.target, a.firstRow + row, c, a.targetStride) =
        make_uint4(x[0] | x[1] << 16, x[2] | x[3] << 16, x[4] | x[5] << 16, x[6] | x[7] << 16);
  }
})
PACK(q8_0, pack_row_q8_0(a, row))
PACK(q4_0, pack_row_of_nibbles<2>(a, row))
PACK(mxfp4, pack_row_of_nibbles<1>(a, row))
PACK(iq4_nl, pack_row_iq4_nl(a, row))

#define PACK_SMALL(type, minimum, fifth, bias)                                                         \
  PACK(type, SmallBlock block = {minimum, fifth, bias};                                                \
       const unsigned char* source = (const unsigned char*)a.source + (int64_t)row * (a.columns / 32) * block.bytes(); \
       pack_rounded(a, row, [&](int k) { return block.element(source, k); }))
PACK_SMALL(q4_1, true, false, 0)
PACK_SMALL(q5_0, false, true, 16)
PACK_SMALL(q5_1, true, true, 0)

PACK(q4_k, const unsigned char* source = (const unsigned char*)a.source + (int64_t)row * (a.columns / 256) * 144;
     pack_rounded(a, row, [&](int k) { return element_of_sub_blocks(source, k, false); }))
PACK(q5_k, const unsigned char* source = (const unsigned char*)a.source + (int64_t)row * (a.columns / 256) * 176;
     pack_rounded(a, row, [&](int k) { return element_of_sub_blocks(source, k, true); }))
PACK(q6_k, const unsigned char* source = (const unsigned char*)a.source + (int64_t)row * (a.columns / 256) * 210;
     pack_rounded(a, row, [&](int k) { return element_of_q6_k(source, k); }))
PACK(q2_k, const unsigned char* source = (const unsigned char*)a.source + (int64_t)row * (a.columns / 256) * 84;
     pack_rounded(a, row, [&](int k) { return element_of_q2_k(source, k); }))
PACK(q3_k, const unsigned char* source = (const unsigned char*)a.source + (int64_t)row * (a.columns / 256) * 110;
     pack_rounded(a, row, [&](int k) { return element_of_q3_k(source, k); }))
PACK(iq4_xs, const unsigned char* source = (const unsigned char*)a.source + (int64_t)row * (a.columns / 256) * 136;
     pack_rounded(a, row, [&](int k) { return element_of_iq4_xs(source, k); }))

#define PACK_CODED(type, bytes)                                                                                            \
  PACK(type, const unsigned char* source = (const unsigned char*)a.source + (int64_t)row * (a.columns / 256) * bytes;     \
       pack_rounded(a, row, [&](int k) { return element_of_##type(a.books, source + (int64_t)(k / 256) * bytes, k % 256); }))
PACK_CODED(iq1_s, 50)
PACK_CODED(iq1_m, 56)
PACK_CODED(iq2_xxs, 66)
PACK_CODED(iq2_xs, 74)
PACK_CODED(iq2_s, 82)
PACK_CODED(iq3_xxs, 98)
PACK_CODED(iq3_s, 110)
PACK_CODED(tq1_0, 54)
PACK_CODED(tq2_0, 66)

KERNEL(unpack_bf16, Unpack, 256, 1, 0) {
  using namespace serval;
  wait_for_earlier();
  let_later_begin();
  int row = blockIdx.x, r = row % a.tileRows;
  int64_t first = (int64_t)(row / a.tileRows) * a.kTiles;
  uint4* target = (uint4*)a.target + (int64_t)row * a.kTiles * 8;
  for (int c = threadIdx.x; c < a.kTiles * 8; c += blockDim.x) {
    target[c] = ((const uint4*)a.source)[((first + c / 8) * a.tileRows + r) * 8 + ((c % 8) ^ (r & 7))];
  }
}

#define WIDEN(type, Stored, value)                          \
  KERNEL(widen_##type, Widen, 256, 1, 0) {                  \
    using namespace serval;                                 \
    wait_for_earlier();                                     \
    let_later_begin();                                      \
    int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);   \
    if (i < a.count) {                                      \
      Stored x = ((const Stored*)a.source)[i];              \
      a.target[i] = value;                                  \
    }                                                       \
  }
WIDEN(f32, float, x)
WIDEN(f16, uint16_t, half_value(x))
WIDEN(bf16, uint16_t, bf16_value(x))
