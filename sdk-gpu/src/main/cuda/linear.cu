// Linear maps of the rows of a step: see linear.cuh.
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

KERNEL(linear_f32, Linear, 256, 1, 0) { serval::plain_linear<float>(a, serval::StepTokens(a, serval::PLAIN_TOKENS)); }
KERNEL(linear_f16, Linear, 256, 1, 0) { serval::plain_linear<uint16_t>(a, serval::StepTokens(a, serval::PLAIN_TOKENS)); }
