// What src/main/cuda/hopper.cuh is on the processor. Copies to shared memory are made at any time between their start and the end of
// their barrier's phase, in any order, and what they will overwrite is poisoned when they start. Products of a warpgroup read shared
// memory no sooner than when they are waited for. So what comes too early, or goes too early, shows.
#pragma once

#include "cuda_host.h"

namespace serval {

struct Barrier {
  uint8_t arrivals, pending, parity, begun;
  int32_t bytes;
};

void barrier_begin(Barrier* b, int arrivals);
static inline void barriers_begun() {}
void arrive(Barrier* b);
void expect(Barrier* b, uint32_t bytes);
static inline void arrive_expecting(Barrier* b, uint32_t bytes) {
  expect(b, bytes);
  arrive(b);
}
void await(Barrier* b, int parity);

static inline uint64_t read_once_policy() { return 0; }
static inline uint64_t read_again_policy() { return 0; }
void copy_tile(void* target, const void* source, uint32_t bytes, Barrier* b, uint64_t policy);

static inline void copy_async_once_or_zero(void* target, const void* source, bool real) { copy_async_or_zero(target, source, real); }

static inline void in_order() {}

template <int COUNT> static inline void give_registers() {}
template <int COUNT> static inline void take_registers() {}
void group_barrier(int id, int threads);

static inline void begin_products() { __syncwarp(); }
void commit_products();
void await_products_before();
void await_all_products();
template <int COUNT> static inline void await_products(float (&)[COUNT]) { await_all_products(); }

void multiply_tiles(float* d, int count, const void* weights, const void* tokens);
void multiply_tiles(float* d, int count, const uint32_t (&a)[4], const void* tokens);
template <int COUNT> static inline void multiply_tiles(float (&d)[COUNT], const void* weights, const void* tokens) {
  multiply_tiles(d, COUNT, weights, tokens);
}
template <int COUNT> static inline void multiply_tiles(float (&d)[COUNT], const uint32_t (&a)[4], const void* tokens) {
  multiply_tiles(d, COUNT, a, tokens);
}

} // namespace serval
