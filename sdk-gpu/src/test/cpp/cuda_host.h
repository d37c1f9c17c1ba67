// What the kernels' sources need of CUDA C++, for the processor. The threads of a block are fibers: they give way where they wait
// for each other, so that each operation of a warp or block is done once all have arrived. The operations of one warp that CUDA
// C++ leaves to inline assembly (tensor cores, matrix loads, asynchronous copies) are done by the last to arrive. Copies happen
// when they are waited for, and dynamic shared memory begins as NaN, so that what is read too early shows.
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define __global__
#define __device__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __restrict__ __restrict
#define __shared__ static thread_local
#define __align__(n) __attribute__((aligned(n)))

struct uint2 {
  uint32_t x, y;
};
struct __attribute__((aligned(16))) uint4 {
  uint32_t x, y, z, w;
};
struct __attribute__((aligned(8))) float2 {
  float x, y;
};
struct __attribute__((aligned(16))) float4 {
  float x, y, z, w;
};
struct dim3 {
  uint32_t x, y, z;
};
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline uint2 make_uint2(uint32_t x, uint32_t y) { return {x, y}; }
static inline uint4 make_uint4(uint32_t x, uint32_t y, uint32_t z, uint32_t w) { return {x, y, z, w}; }

namespace serval_host {

constexpr int LANES = 32;

// What a thread hands to the operation of its warp.
struct Offer {
  const void* in;
  void* out;
  int number;
};
using WarpOperation = void (*)(Offer* offers, uint32_t mask);

// Of a thread of the processor, several of which run blocks.
#define OF_THREAD __thread

// What the threads of a block have in common.
struct Block {
  dim3 index, size, grid;
  unsigned char* shared;
};
// Stacks of an executor's fibers lie one after the other, from an address on that is a multiple of all their sizes, where the block
// is named. So the address of any frame tells which thread runs and of which block: what is thread_local takes a call.
constexpr uintptr_t STACK = 128 * 1024, MOST_THREADS = 1024;
static inline uintptr_t frame() { return (uintptr_t)__builtin_frame_address(0); }
static inline dim3 thread_index() { return {(uint32_t)(frame() / STACK % MOST_THREADS), 0, 0}; }
static inline const Block& block() { return **(const Block**)(frame() & ~(MOST_THREADS * STACK - 1)); }

static inline int lane() { return (int)thread_index().x % LANES; }
void block_barrier();
// Lets other threads go on: for who waits for what they do.
void pause();
// Asked when a block's threads have ended: whether something still uses its shared memory, which would be wrong.
void when_block_ends(bool (*under_way)(), void (*forget)());
// Waits for the lanes of the mask; the last runs the operation on all of their offers.
void together(WarpOperation operation, uint32_t mask, const void* in, void* out, int number);
[[noreturn]] void fail(const char* what);

void copy_later(void* target, const void* source, bool real);
void commit_copies();
void wait_for_copies(int groups);

// A kernel's entry in the table.
struct Registration {
  const char* name;
  const char* structure;
  size_t argumentBytes;
  int threads;
  int sharedBytes;
  int blocks; // that shall fit a multiprocessor
  void (*body)(const void*);
  void (*run)(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, size_t, const void*);
  const Registration* next;

  Registration(const char* name, const char* structure, size_t argumentBytes, int threads, int sharedBytes, int blocks, void (*body)(const void*),
               void (*run)(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, size_t, const void*));
};
const Registration* registrations();
void run(const Registration& kernel, dim3 grid, dim3 block, size_t sharedBytes, const void* argument);

template <class T> void shuffle_operation(Offer* offers, uint32_t mask) {
  T values[LANES] = {};
  for (int i = 0; i < LANES; i++)
    if (mask >> i & 1) values[i] = *(const T*)offers[i].in;
  for (int i = 0; i < LANES; i++)
    if (mask >> i & 1) {
      int from = offers[i].number & (LANES - 1);
      if (!(mask >> from & 1)) fail("a shuffle reads a lane that does not take part");
      *(T*)offers[i].out = values[from];
    }
}
template <class T> T shuffle(uint32_t mask, T value, int from) {
  T out;
  together(shuffle_operation<T>, mask, &value, &out, from);
  return out;
}
void ballot_operation(Offer* offers, uint32_t mask);
void nothing_operation(Offer* offers, uint32_t mask);

} // namespace serval_host

#define threadIdx serval_host::thread_index()
#define blockIdx serval_host::block().index
#define blockDim serval_host::block().size
#define gridDim serval_host::block().grid

#define KERNEL(name, Struct, threads, blocks, sharedBytes)                                                                        \
  static void name##_body(const serval::Struct& a);                                                                               \
  static serval_host::Registration name##_registration(                                                                           \
      #name, #Struct, sizeof(serval::Struct), threads, sharedBytes, blocks, [](const void* p) { name##_body(*(const serval::Struct*)p); }, \
      [](uint32_t gx, uint32_t gy, uint32_t gz, uint32_t bx, uint32_t by, uint32_t bz, size_t bytes, const void* p) {             \
        serval_host::run(name##_registration, {gx, gy, gz}, {bx, by, bz}, bytes, p);                                              \
      });                                                                                                                         \
  static void name##_body(const serval::Struct& a)

static inline void __syncthreads() { serval_host::block_barrier(); }
static inline void __syncwarp(uint32_t mask = 0xffffffffu) { serval_host::together(serval_host::nothing_operation, mask, nullptr, nullptr, 0); }
template <class T> T __shfl_sync(uint32_t mask, T value, int from) { return serval_host::shuffle(mask, value, from); }
template <class T> T __shfl_xor_sync(uint32_t mask, T value, int with) {
  return serval_host::shuffle(mask, value, serval_host::lane() ^ with);
}
template <class T> T __shfl_up_sync(uint32_t mask, T value, int by) {
  int lane = serval_host::lane();
  return serval_host::shuffle(mask, value, lane >= by ? lane - by : lane);
}
template <class T> T __shfl_down_sync(uint32_t mask, T value, int by) {
  int lane = serval_host::lane();
  return serval_host::shuffle(mask, value, lane + by < serval_host::LANES ? lane + by : lane);
}
static inline uint32_t __ballot_sync(uint32_t mask, bool vote) {
  uint32_t out;
  serval_host::together(serval_host::ballot_operation, mask, nullptr, &out, vote);
  return out;
}
static inline bool __any_sync(uint32_t mask, bool vote) { return __ballot_sync(mask, vote) != 0; }
static inline bool __all_sync(uint32_t mask, bool vote) { return __ballot_sync(mask, vote) == mask; }
static inline int __popc(uint32_t bits) { return __builtin_popcount(bits); }
static inline int __ffs(uint32_t bits) { return __builtin_ffs((int)bits); }
static inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

template <class T, class U> T atomicAdd(T* at, U value) { return __atomic_fetch_add(at, (T)value, __ATOMIC_SEQ_CST); }
template <class T, class U> T atomicOr(T* at, U value) { return __atomic_fetch_or(at, (T)value, __ATOMIC_SEQ_CST); }
template <class T, class U> T atomicMax(T* at, U value) {
  T before = __atomic_load_n(at, __ATOMIC_SEQ_CST);
  while (before < (T)value && !__atomic_compare_exchange_n(at, &before, (T)value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
  }
  return before;
}

static inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fsub_rn(float a, float b) { return a - b; }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline float __fsqrt_rn(float a) { return sqrtf(a); }
static inline float __uint_as_float(uint32_t bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}
static inline uint32_t __float_as_uint(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return bits;
}
static inline uint32_t __byte_perm(uint32_t x, uint32_t y, uint32_t selector) {
  uint64_t bytes = (uint64_t)y << 32 | x;
  uint32_t out = 0;
  for (int i = 0; i < 4; i++) out |= (uint32_t)(bytes >> (8 * (selector >> (4 * i) & 7)) & 0xff) << (8 * i);
  return out;
}
template <class T> static inline T min(T a, T b) { return b < a ? b : a; }
template <class T> static inline T max(T a, T b) { return a < b ? b : a; }

namespace serval {

static inline unsigned char* shared_memory() { return serval_host::block().shared; }
static inline void wait_for_earlier() {}
static inline void let_later_begin() {}
static inline void prefetch(const void*) {}

static inline void copy_async(void* target, const void* source) { serval_host::copy_later(target, source, true); }
static inline void copy_async_or_zero(void* target, const void* source, bool real) { serval_host::copy_later(target, source, real); }
static inline void commit_copies() { serval_host::commit_copies(); }
template <int GROUPS> static inline void wait_for_copies() { serval_host::wait_for_copies(GROUPS); }

void load_matrices(uint32_t (&r)[4], const void* row);
void load_matrices_transposed(uint32_t (&r)[4], const void* row);
void multiply(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1);

static inline float power_of_two(float x) { return exp2f(x); }
uint16_t bf16_of(float x);
static inline uint32_t bf16_pair(float low, float high) { return (uint32_t)bf16_of(high) << 16 | bf16_of(low); }
uint32_t multiply_add_pairs(uint32_t x, uint32_t y, uint32_t z);
float half_value(uint16_t bits);
uint16_t half_of(float x);

template <class T> static inline T load_once(const T* at) { return *at; }
template <class T> static inline T load_fresh(const T* at) { return *at; }

} // namespace serval
