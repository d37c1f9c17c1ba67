// Kernels that only checks need: random numbers, products in float64, and reading as fast as can be.
#include <stdint.h>

#include "../../main/cuda/abi.h"
#include "check_kernels.h"

static __device__ uint32_t hash(uint64_t x) {
  x ^= x >> 31;
  x *= 0x9e3779b97f4a7c15ull;
  x ^= x >> 29;
  x *= 0xbf58476d1ce4e5b9ull;
  return (uint32_t)(x >> 32);
}

// Numbers of BF16 between -scale and scale.
extern "C" __global__ void fill_bf16(const Fill a) {
  for (int64_t i = blockIdx.x * (int64_t)blockDim.x + threadIdx.x; i < a.count; i += (int64_t)gridDim.x * blockDim.x) {
    float x = ((int)(hash(i + a.seed) >> 8) - (1 << 23)) * (1.0f / (1 << 23)) * a.scale;
    ((uint16_t*)a.to)[i] = (uint16_t)(__float_as_uint(x) >> 16);
  }
}

extern "C" __global__ void fill_bytes(const Fill a) {
  for (int64_t i = blockIdx.x * (int64_t)blockDim.x + threadIdx.x; i < a.count / 4; i += (int64_t)gridDim.x * blockDim.x)
    ((uint32_t*)a.to)[i] = hash(i + a.seed);
}

// The scales of packed tiles, of about that size.
extern "C" __global__ void fill_scales(const FillScales a) {
  for (int64_t i = blockIdx.x * (int64_t)blockDim.x + threadIdx.x; i < a.tiles * 128; i += (int64_t)gridDim.x * blockDim.x) {
    if (a.powers) {
      a.to[i / 128 * a.tileBytes + a.tileBytes - 128 + i % 128] = (char)(120 + (hash(i) & 3));
      continue;
    }
    uint16_t* scale = (uint16_t*)(a.to + i / 128 * a.tileBytes + a.tileBytes - 256) + i % 128;
    *scale = (uint16_t)(a.base + (hash(i) & 1023));
  }
}

static __device__ double half_as_double(uint16_t h) {
  int exponent = h >> 10 & 31, mantissa = h & 1023;
  double size = exponent == 0 ? ldexp((double)mantissa, -24) : ldexp((double)(1024 + mantissa), exponent - 25);
  return h & 0x8000 ? -size : size;
}

static __device__ double bf16_as_double(uint16_t bits) { return (double)__uint_as_float((uint32_t)bits << 16); }

static __device__ double rounded_to_bf16(double x) {
  uint32_t bits = __float_as_uint((float)x);
  return (double)__uint_as_float((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u);
}

// By the words of abi.h.
static __device__ double weight_element(const Reference& a, int row, int k) {
  int64_t tile = (int64_t)(row / 64) * a.weightStride + k / 64;
  int r = row % 64, c = k % 64;
  if (a.type == 0) {
    const uint16_t* at = (const uint16_t*)((const char*)a.weight + tile * 8192);
    return bf16_as_double(at[r * 64 + ((c / 8) ^ (r & 7)) * 8 + c % 8]);
  }
  int i = c % 16;
  if (a.type == 1) {
    const char* at = (const char*)a.weight + tile * 4352;
    int chunk = (c / 16) ^ ((r >> 1) & 3), t = i % 8 / 2, byte = 4 * t + i % 2 + i / 8 * 2;
    double q = (double)((const int8_t*)at)[r * 64 + chunk * 16 + byte];
    return rounded_to_bf16(q * half_as_double(((const uint16_t*)(at + 4096))[r * 2 + c / 32]));
  }
  const char* at = (const char*)a.weight + tile * (a.type == 3 ? 2176 : 2304);
  i = c % 32;
  int chunk = (c / 32) ^ ((r >> 2) & 1);
  // element 2 t + (n >> 2) + 8 (n & 3)
  int t = i % 8 / 2, n = (i % 2) * 4 + i / 8;
  uint32_t word = ((const uint32_t*)(at + r * 32 + chunk * 16))[t];
  if (a.type == 3) {
    static const double numbers[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
    double size = ldexp(numbers[word >> (4 * n) & 7], (int)((const uint8_t*)(at + 2048))[r * 2 + c / 32] - 127);
    return word >> (4 * n) & 8 ? -size : size;
  }
  double q = (double)((int)(word >> (4 * n) & 15) - 8);
  return rounded_to_bf16(q * half_as_double(((const uint16_t*)(at + 2048))[r * 2 + c / 32]));
}

extern "C" __global__ void reference_linear(const Reference a) {
  int row = blockIdx.x * blockDim.x + threadIdx.x, token = blockIdx.y;
  if (row >= a.weightRows) return;
  double sum = 0;
  for (int k = 0; k < a.columns; k++) {
    const uint16_t* x = a.in + (int64_t)(k / 64) * a.inStride * 64 + (int64_t)token * 64 + (((k % 64 / 8) ^ (token & 7)) * 8) + k % 8;
    sum += bf16_as_double(*x) * weight_element(a, row, k);
  }
  if (a.bias) sum += (double)a.bias[row];
  a.out[(int64_t)token * a.weightRows + row] = sum;
}

// Reads 16 bytes a thread, several at once.
extern "C" __global__ void __launch_bounds__(512) read_all(const ReadAll a) {
  const uint4* at = (const uint4*)a.from;
  uint32_t sum = 0;
  int64_t step = (int64_t)gridDim.x * blockDim.x, i = blockIdx.x * (int64_t)blockDim.x + threadIdx.x;
  for (; i + 7 * step < a.count; i += 8 * step) {
    uint4 v[8];
#pragma unroll
    for (int j = 0; j < 8; j++) v[j] = __ldcs(at + i + j * step);
#pragma unroll
    for (int j = 0; j < 8; j++) sum ^= v[j].x ^ v[j].y ^ v[j].z ^ v[j].w;
  }
  if (sum == 0x12345678u) *a.to = sum;
}
