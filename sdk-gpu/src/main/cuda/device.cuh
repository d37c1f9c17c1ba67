// The few operations that need inline PTX, each a small function, so that a build for the processor can replace them
// (src/test/cpp/cuda_host.h), and arithmetic that several kernels must agree on to the bit. Compiled with -fmad=false: what is
// to be fused says so.
#pragma once

#include "abi.h"

#ifdef SERVAL_HOST
#include "cuda_host.h"
#else

// A kernel: its name, the structure it takes, the threads of a block, the blocks that shall fit a multiprocessor, and its dynamic
// shared memory.
#define KERNEL(name, Struct, threads, blocks, sharedBytes) \
  extern "C" __global__ void __launch_bounds__(threads, blocks) name(const __grid_constant__ serval::Struct a)

namespace serval {

extern __shared__ __align__(1024) unsigned char dynamic_shared[];
__device__ __forceinline__ unsigned char* shared_memory() { return dynamic_shared; }

// Waits until the kernels before this one in the stream have ended and their writes can be seen. Every block of every kernel
// calls it, and touches nothing before that an earlier kernel may write.
__device__ __forceinline__ void wait_for_earlier() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// The next kernel's blocks may be placed as soon as all blocks have said this. Said before waiting, so that a kernel that follows a
// chain of short ones can fetch its weights while they wait for each other.
__device__ __forceinline__ void let_later_begin() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

__device__ __forceinline__ uint32_t shared_address(const void* at) { return (uint32_t)__cvta_generic_to_shared(at); }

// Copies 16 bytes to shared memory.
__device__ __forceinline__ void copy_async(void* target, const void* source) {
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16;" ::"r"(shared_address(target)), "l"(source) : "memory");
}

// Likewise, or zeroes them and reads nothing.
__device__ __forceinline__ void copy_async_or_zero(void* target, const void* source, bool real) {
  int bytes = real ? 16 : 0;
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(shared_address(target)), "l"(source), "r"(bytes)
               : "memory");
}

__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits for this thread's committed groups but the latest few.
template <int GROUPS> __device__ __forceinline__ void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(GROUPS) : "memory");
}

// Four matrices of 8 rows of 16 bytes; lane i names the row i % 8 of matrix i / 8 and gets word i % 4 of each matrix's row i / 4.
__device__ __forceinline__ void load_matrices(uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row)));
}

// Likewise of 16-bit elements; lane i gets elements i / 4 of rows 2 (i % 4) and 2 (i % 4) + 1 of each matrix.
__device__ __forceinline__ void load_matrices_transposed(uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row)));
}

// d += a x b for 16 x 16 and 16 x 8 of BF16. Lane i holds, with g = i / 4 and t = i % 4: of a, rows g and g + 8 in columns 2 t,
// 2 t + 1 (a[0], a[1]) and 2 t + 8, 2 t + 9 (a[2], a[3]); of b, column g in the same rows (b0, b1); of d, row g (d[0], d[1]) and
// g + 8 (d[2], d[3]) in columns 2 t, 2 t + 1.
__device__ __forceinline__ void multiply(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ __forceinline__ float power_of_two(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// To the nearest, ties to even.
__device__ __forceinline__ uint32_t bf16_pair(float low, float high) {
  uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}

// x * y + z of pairs of BF16, rounded once.
__device__ __forceinline__ uint32_t multiply_add_pairs(uint32_t x, uint32_t y, uint32_t z) {
  uint32_t pair;
  asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(pair) : "r"(x), "r"(y), "r"(z));
  return pair;
}

__device__ __forceinline__ uint16_t bf16_of(float x) { return (uint16_t)bf16_pair(x, 0.0f); }

__device__ __forceinline__ float half_value(uint16_t bits) {
  float x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
  return x;
}

__device__ __forceinline__ uint16_t half_of(float x) {
  uint16_t bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
  return bits;
}

// 16 bytes of what is read once.
__device__ __forceinline__ uint4 load_once(const uint4* at) {
  uint4 v;
  asm volatile("ld.global.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(at));
  return v;
}

// Asks for a line of memory ahead of its use.
__device__ __forceinline__ void prefetch(const void* at) { asm volatile("prefetch.global.L2 [%0];" ::"l"(at)); }

// Past the nearest cache: what another block of this launch wrote.
template <class T> __device__ __forceinline__ T load_fresh(const T* at) { return __ldcg(at); }

} // namespace serval
#endif

namespace serval {

constexpr uint32_t ALL = 0xffffffffu;
constexpr int LANES = 32;

__device__ __forceinline__ float bf16_value(uint16_t bits) { return __uint_as_float((uint32_t)bits << 16); }
__device__ __forceinline__ float bf16_low(uint32_t pair) { return __uint_as_float(pair << 16); }
__device__ __forceinline__ float bf16_high(uint32_t pair) { return __uint_as_float(pair & 0xffff0000u); }

template <class T> __device__ __forceinline__ const T* array(const Step* step, int32_t offset) {
  return (const T*)((const unsigned char*)step + offset);
}

// Where the 16-byte chunk that begins at element k (a multiple of 8) of a row lies in an operand, in elements.
__device__ __forceinline__ int64_t operand_chunk(int rows, int row, int k) {
  return (int64_t)(k / TILE) * rows * TILE + (int64_t)row * TILE + (((k % TILE / 8) ^ (row & 7)) * 8);
}

__device__ __forceinline__ int tiles_of(int elements) { return (elements + TILE - 1) / TILE; }

// Activation functions, as dev.serval.api.compute.ActivationFunction has them.
__device__ __forceinline__ float gate(float x, float steepness) { return __fdiv_rn(x, __fadd_rn(1.0f, expf(-steepness))); }
struct Silu {
  static __device__ __forceinline__ float gated(float x, float up) { return __fmul_rn(gate(x, x), up); }
};
struct GeluTanh {
  static __device__ __forceinline__ float alone(float x) {
    return gate(x, __fmul_rn(x, __fadd_rn(1.5957692f, __fmul_rn(__fmul_rn(0.07135482f, x), x))));
  }
  static __device__ __forceinline__ float gated(float x, float up) { return __fmul_rn(alone(x), up); }
};
// By a quotient of polynomials, as GeluSteepness of the processor has it.
struct Gelu {
  static __device__ __forceinline__ float step(float sum, float u, float coefficient) { return __fadd_rn(__fmul_rn(sum, u), coefficient); }
  static __device__ __forceinline__ float alone(float x) {
    float u = fminf(__fmul_rn(x, x), 1024.0f);
    float over = step(step(step(step(1.456613e-6f, u, 5.512243e-4f), u, 0.018158415f), u, 0.22080423f), u, 1.5957692f);
    float under = step(step(step(8.678882e-5f, u, 0.0071984306f), u, 0.09282893f), u, 1.0f);
    return gate(x, __fmul_rn(x, __fdiv_rn(over, under)));
  }
};
// Comparisons leave what is no number as it is.
struct SwigluOai {
  static constexpr float LIMIT = 7.0f, SLOPE = 1.702f;
  static __device__ __forceinline__ float gated(float x, float up) {
    x = x > LIMIT ? LIMIT : x;
    up = up > LIMIT ? LIMIT : up < -LIMIT ? -LIMIT : up;
    return __fmul_rn(gate(x, __fmul_rn(SLOPE, x)), __fadd_rn(up, 1.0f));
  }
};

// What is no number stays so.
struct ReluSquared {
  static __device__ __forceinline__ float alone(float x) { return x <= 0.0f ? 0.0f : __fmul_rn(x, x); }
};

__device__ __forceinline__ float hyperbolic_tangent(float x) {
  return __fsub_rn(1.0f, __fdiv_rn(2.0f, __fadd_rn(1.0f, expf(__fmul_rn(2.0f, x)))));
}

struct Tanh {
  static __device__ __forceinline__ float alone(float x) { return hyperbolic_tangent(x); }
};

// The sum over a warp, the same in every lane.
__device__ __forceinline__ float warp_sum(float x) {
  for (int i = LANES / 2; i > 0; i /= 2) x = __fadd_rn(x, __shfl_xor_sync(ALL, x, i));
  return x;
}

__device__ __forceinline__ float warp_max(float x) {
  for (int i = LANES / 2; i > 0; i /= 2) x = fmaxf(x, __shfl_xor_sync(ALL, x, i));
  return x;
}

// Two sums over a block of 256 threads, the same in every thread; `room` is not in use by anyone yet.
__device__ __forceinline__ float2 block_sums(float x, float y, float2* room) {
  x = warp_sum(x);
  y = warp_sum(y);
  if (threadIdx.x % LANES == 0) room[threadIdx.x / LANES] = make_float2(x, y);
  __syncthreads();
  float2 sums = make_float2(0.0f, 0.0f);
#pragma unroll
  for (int i = 0; i < 8; i++) {
    sums.x = __fadd_rn(sums.x, room[i].x);
    sums.y = __fadd_rn(sums.y, room[i].y);
  }
  return sums;
}

} // namespace serval
