// What only sm_90a has, each a small function, so that a build for the processor can replace them (src/test/cpp/hopper_host.h):
// barriers in shared memory that count arrivals and bytes, copies of whole tiles, products of a warpgroup (four warps).
#pragma once

#include "device.cuh"

#ifdef SERVAL_HOST
#include "hopper_host.h"
#else

namespace serval {

using Barrier = uint64_t;

__device__ __forceinline__ void barrier_begin(Barrier* b, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(b)), "r"(arrivals) : "memory");
}

// After the barriers were begun: copies may count on them.
__device__ __forceinline__ void barriers_begun() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

__device__ __forceinline__ void arrive(Barrier* b) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(b)) : "memory");
}

// The phase also waits for so many bytes more.
__device__ __forceinline__ void expect(Barrier* b, uint32_t bytes) {
  asm volatile("mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%0], %1;" ::"r"(shared_address(b)), "r"(bytes) : "memory");
}

__device__ __forceinline__ void arrive_expecting(Barrier* b, uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(b)), "r"(bytes) : "memory");
}

// Until the barrier's phase of this parity is over; the phases before the first count as odd.
__device__ __forceinline__ void await(Barrier* b, int parity) {
  asm volatile(
      "{\n"
      ".reg .pred over;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 over, [%0], %1;\n"
      "@!over bra again;\n"
      "}\n" ::"r"(shared_address(b)),
      "r"(parity)
      : "memory");
}

// How long what is copied is worth keeping in the second cache.
__device__ __forceinline__ uint64_t read_once_policy() {
  uint64_t policy;
  asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
  return policy;
}
__device__ __forceinline__ uint64_t read_again_policy() {
  uint64_t policy;
  asm volatile("createpolicy.fractional.L2::evict_last.b64 %0, 1.0;" : "=l"(policy));
  return policy;
}

// Copies to shared memory; the barrier's phase is over no sooner. All multiples of 16.
__device__ __forceinline__ void copy_tile(void* target, const void* source, uint32_t bytes, Barrier* b, uint64_t policy) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint [%0], [%1], %2, [%3], %4;" ::"r"(
                   shared_address(target)),
               "l"(source), "r"(bytes), "r"(shared_address(b)), "l"(policy)
               : "memory");
}

// The policy to let go of all that was read first, as createpolicy encodes it.
constexpr uint64_t READ_ONCE = 0x12f0000000000000ull;

// As copy_async_or_zero, of what is not worth keeping in the second cache.
__device__ __forceinline__ void copy_async_once_or_zero(void* target, const void* source, bool real) {
  int bytes = real ? 16 : 0;
  asm volatile("cp.async.cg.shared.global.L2::cache_hint.L2::128B [%0], [%1], 16, %2, %3;" ::"r"(shared_address(target)), "l"(source), "r"(bytes),
               "l"(READ_ONCE)
               : "memory");
}

// What was read before is read before.
__device__ __forceinline__ void in_order() { asm volatile("" ::: "memory"); }

// The threads of a warpgroup may use fewer registers from here on, or more.
template <int COUNT> __device__ __forceinline__ void give_registers() { asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(COUNT)); }
template <int COUNT> __device__ __forceinline__ void take_registers() { asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(COUNT)); }

// A barrier of some of a block's warps.
__device__ __forceinline__ void group_barrier(int id, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

// Before products: what registers hold is taken over.
__device__ __forceinline__ void begin_products() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void commit_products() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

// Waits for all committed groups but the latest: what those before it read may be written again.
__device__ __forceinline__ void await_products_before() { asm volatile("wgmma.wait_group.sync.aligned 1;" ::: "memory"); }

// Waits for all, so that their sums may be read.
template <int COUNT> __device__ __forceinline__ void await_products(float (&d)[COUNT]) {
  asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
#pragma unroll
  for (int i = 0; i < COUNT; i++) asm volatile("" : "+f"(d[i])::"memory");
}

// Rows of 128 bytes, in groups of 8 that are 1024 bytes apart and begin at multiples of that, chunks swapped as in abi.h.
__device__ __forceinline__ uint64_t matrix_at(const void* at) {
  return (uint64_t)1 << 62 | (uint64_t)(1024 >> 4) << 32 | (uint64_t)1 << 16 | (shared_address(at) >> 4 & 0x3fff);
}

#define LIST4 "%0, %1, %2, %3"
#define LIST8 LIST4 ", %4, %5, %6, %7"
#define LIST16 LIST8 ", %8, %9, %10, %11, %12, %13, %14, %15"
#define LIST32 LIST16 ", %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define LIST64                                                                                                              \
  LIST32 ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, " \
         "%54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define SUMS4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define SUMS8(i) SUMS4(i), SUMS4(i + 4)
#define SUMS16(i) SUMS8(i), SUMS8(i + 8)
#define SUMS32(i) SUMS16(i), SUMS16(i + 16)
#define SUMS64(i) SUMS32(i), SUMS32(i + 32)

// d += weights x tokens^T for 64 weight rows, N tokens and 16 k. Warp w of the warpgroup holds rows 16 w to 16 w + 15; its lane i,
// with g = i / 4 and t = i % 4, of the tokens 8 j to 8 j + 7 rows g (d[4 j], d[4 j + 1]) and g + 8 (d[4 j + 2], d[4 j + 3]) at tokens
// 2 t, 2 t + 1. Weights come from shared memory, or from registers as `multiply` takes them. Between begin_products and
// await_products nothing else may touch these registers.
#define PRODUCTS(n, count, i0, i1, i2, i3, i4)                                                                                 \
  __device__ __forceinline__ void multiply_tiles(float (&d)[count], const void* weights, const void* tokens) {                 \
    asm volatile("{\n.reg .pred add;\nsetp.eq.b32 add, 0, 0;\n"                                                               \
                 "wgmma.mma_async.sync.aligned.m64n" #n "k16.f32.bf16.bf16 {" LIST##count "}, %" i0 ", %" i1                   \
                 ", add, 1, 1, 0, 0;\n}\n"                                                                                     \
                 : SUMS##count(0)                                                                                              \
                 : "l"(matrix_at(weights)), "l"(matrix_at(tokens))                                                             \
                 : "memory");                                                                                                  \
  }                                                                                                                            \
  __device__ __forceinline__ void multiply_tiles(float (&d)[count], const uint32_t (&a)[4], const void* tokens) {              \
    asm volatile("{\n.reg .pred add;\nsetp.eq.b32 add, 0, 0;\n"                                                               \
                 "wgmma.mma_async.sync.aligned.m64n" #n "k16.f32.bf16.bf16 {" LIST##count "}, {%" i0 ", %" i1 ", %" i2 ", %" i3 \
                 "}, %" i4 ", add, 1, 1, 0;\n}\n"                                                                              \
                 : SUMS##count(0)                                                                                              \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(matrix_at(tokens))                                          \
                 : "memory");                                                                                                  \
  }
PRODUCTS(8, 4, "4", "5", "6", "7", "8")
PRODUCTS(16, 8, "8", "9", "10", "11", "12")
PRODUCTS(32, 16, "16", "17", "18", "19", "20")
PRODUCTS(64, 32, "32", "33", "34", "35", "36")
PRODUCTS(128, 64, "64", "65", "66", "67", "68")

} // namespace serval
#endif
