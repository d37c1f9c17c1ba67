// Linear maps of the rows of a step, and of each head of them by itself: see linear.cuh.
#include "linear.cuh"

#define MMA_LINEAR(type, Tile, gated, GATED, n)                                                                       \
  KERNEL(mma_linear_##type##gated##_n##n, Linear, (serval::Shape<serval::Tile, n, GATED>::THREADS), 1,                \
         (serval::Shape<serval::Tile, n, GATED>::SHARED)) {                                                           \
    serval::linear_block<serval::Tile, serval::Shape<serval::Tile, n, GATED>>(a, serval::StepTokens(a, n));           \
  }
#define MMA_LINEAR_ALL(type, Tile, gated, GATED) \
  MMA_LINEAR(type, Tile, gated, GATED, 8)        \
  MMA_LINEAR(type, Tile, gated, GATED, 16)       \
  MMA_LINEAR(type, Tile, gated, GATED, 32)       \
  MMA_LINEAR(type, Tile, gated, GATED, 64)       \
  MMA_LINEAR(type, Tile, gated, GATED, 128)
MMA_LINEAR_ALL(bf16, Bf16Tile, , false)
MMA_LINEAR_ALL(bf16, Bf16Tile, _gated, true)
MMA_LINEAR_ALL(q8_0, Q8Tile, , false)
MMA_LINEAR_ALL(q8_0, Q8Tile, _gated, true)
MMA_LINEAR_ALL(q4_0, Q4Tile, , false)
MMA_LINEAR_ALL(q4_0, Q4Tile, _gated, true)
MMA_LINEAR_ALL(mxfp4, Mxfp4Tile, , false)
MMA_LINEAR_ALL(mxfp4, Mxfp4Tile, _gated, true)

namespace serval {

// The rows of a step, of the head that is the block's z.
struct HeadTokens : StepTokens {
  static constexpr bool APART = false;
  __device__ __forceinline__ HeadTokens(const Linear& a, int most) : StepTokens(a, most) {}
};

__device__ __forceinline__ Linear linear_of(const HeadLinear& a) {
  int head = blockIdx.z;
  Linear one = {};
  one.step = a.step;
  one.in = (const unsigned char*)a.in + head * a.inStep;
  one.weight = (const void*)a.weights[head];
  one.out = a.out;
  one.inStride = a.inStride;
  one.weightRows = a.weightRows;
  one.columns = a.columns;
  one.weightStride = a.weightStride;
  one.segments = a.segments;
  one.outStride = a.outStride;
  one.outColumn = a.outColumn + head * a.outStep;
  return one;
}

} // namespace serval

#define MMA_HEADS(type, Tile, n)                                                                             \
  KERNEL(mma_heads_##type##_n##n, HeadLinear, (serval::Shape<serval::Tile, n, false>::THREADS), 1,           \
         (serval::Shape<serval::Tile, n, false>::SHARED)) {                                                  \
    serval::Linear one = serval::linear_of(a);                                                               \
    serval::linear_block<serval::Tile, serval::Shape<serval::Tile, n, false>>(one, serval::HeadTokens(one, n)); \
  }
#define MMA_HEADS_ALL(type, Tile) \
  MMA_HEADS(type, Tile, 8)        \
  MMA_HEADS(type, Tile, 64)
MMA_HEADS_ALL(bf16, Bf16Tile)
MMA_HEADS_ALL(q8_0, Q8Tile)
MMA_HEADS_ALL(q4_0, Q4Tile)
MMA_HEADS_ALL(mxfp4, Mxfp4Tile)

#define PLAIN_HEADS(type, T)                                                     \
  KERNEL(heads_##type, HeadLinear, 256, 1, 0) {                                  \
    serval::Linear one = serval::linear_of(a);                                   \
    serval::plain_linear<T>(one, serval::HeadTokens(one, serval::PLAIN_TOKENS)); \
  }
PLAIN_HEADS(f32, float)
PLAIN_HEADS(f16, uint16_t)

KERNEL(linear_f32, Linear, 256, 1, 0) { serval::plain_linear<float>(a, serval::StepTokens(a, serval::PLAIN_TOKENS)); }
KERNEL(linear_f16, Linear, 256, 1, 0) { serval::plain_linear<uint16_t>(a, serval::StepTokens(a, serval::PLAIN_TOKENS)); }
