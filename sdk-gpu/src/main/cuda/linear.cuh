// Linear maps of operands by mma.sync, for packed weights; and by plain arithmetic, for F32 and F16 weights.
//
// What must hold: an element of the result depends on its row of the operand and its row of the weight alone, to the bit. Each
// segment of k is accumulated from zero by the same instruction, 16 k at a time in order, whatever the number of tokens; the
// segments' sums are added in order; then comes the bias, then what is there. Whether segments are computed by one block or by
// several makes no difference.
//
// A block computes 64 rows of the weight (gated: 64 gate rows and the 64 up rows that belong to them) for N tokens. The weight is
// the instruction's A, 16 rows, and the tokens its B, 8 columns, so that few tokens waste little. Tiles of k arrive in shared
// memory a few ahead.
#pragma once

#include "weights.cuh"

namespace serval {

template <class Tile, int N_, bool GATED_, class Function_ = Silu> struct Shape {
  using Function = Function_; // of gates
  static constexpr int N = N_;
  static constexpr bool GATED = GATED_;
  static constexpr int HALVES = GATED ? 2 : 1;
  static constexpr int THREADS = GATED && N == 128 ? 256 : 128;
  static constexpr int ACROSS = N >= 64 ? 2 : 1;               // warps along the tokens
  static constexpr int ROWS = TILE / (THREADS / LANES / ACROSS); // weight rows of a warp
  static constexpr int MF = ROWS / 16;                          // fragments along its rows
  static constexpr int NF = N / ACROSS / 8;                     // and along its tokens
  static constexpr int STAGES = GATED && N == 128 ? 3 : 4;
  static constexpr int WEIGHT_BYTES = HALVES * Tile::BYTES;
  static constexpr int STAGE_BYTES = WEIGHT_BYTES + N * 128;
  static constexpr int SHARED = STAGES * STAGE_BYTES;
  static constexpr int FRAGMENTS = HALVES * MF * NF;
};

template <class S> struct Sums {
  float x[S::HALVES][S::MF][S::NF][4];
  template <class F> __device__ __forceinline__ void each(F f) {
#pragma unroll
    for (int h = 0; h < S::HALVES; h++)
#pragma unroll
      for (int m = 0; m < S::MF; m++)
#pragma unroll
        for (int n = 0; n < S::NF; n++) f(x[h][m][n], (h * S::MF + m) * S::NF + n);
  }
};

// The tokens of a block: rows of the operand and of the result from `first` to before `end`, one after the other, of a step.
struct StepTokens {
  static constexpr bool IN_ORDER = true; // and `first` is a multiple of 8
  static constexpr bool APART = true;    // segments may be summed by several blocks
  const Linear& a;
  int first, end;
  __device__ __forceinline__ StepTokens(const Linear& a, int most) : a(a), first(blockIdx.y * most), end(0) {}
  // Whether a block fetches weights before it waits for earlier kernels. One that may find no tokens does not.
  __device__ __forceinline__ bool early() const { return blockIdx.y == 0; }
  // Once earlier kernels have ended: whether there are any.
  __device__ __forceinline__ bool find() {
    end = a.ofLogits ? a.step->logitRows : a.step->rows;
    return first < end;
  }
  __device__ __forceinline__ const void* weight() const { return a.weight; }
  __device__ __forceinline__ const float* bias() const { return a.bias; }
  // The row of the input for the token `first + i`.
  __device__ __forceinline__ int row(int i) const { return first + i; }
};

template <class Tile, class S, class Tokens> struct Product {
  const Linear& a;
  static constexpr int CHUNKS = (S::N * 8 + S::THREADS - 1) / S::THREADS; // that a thread fetches of a k tile of the operand
  Tokens tokens;
  int rowTile, warpRow, warpToken;
  unsigned char* shared;
  int from[CHUNKS]; // where these lie in the operand's k tile, if tokens are not in order

  __device__ __forceinline__ Product(const Linear& a, const Tokens& tokens) : a(a), tokens(tokens), shared(shared_memory()) {
    int warp = threadIdx.x / LANES;
    rowTile = blockIdx.x;
    warpRow = warp / S::ACROSS * S::ROWS;
    warpToken = warp % S::ACROSS * (S::NF * 8);
  }

  __device__ __forceinline__ void fetch_weight(int kTile, int stage) const {
    unsigned char* to = shared + stage * S::STAGE_BYTES;
#pragma unroll
    for (int h = 0; h < S::HALVES; h++) {
      int64_t tile = (int64_t)(rowTile + h * (a.weightRows / 2 / TILE)) * a.weightStride + kTile;
      const unsigned char* from = (const unsigned char*)tokens.weight() + tile * Tile::BYTES;
#pragma unroll
      for (int i = 0; i < (Tile::BYTES / 16 + S::THREADS - 1) / S::THREADS; i++) {
        int c = threadIdx.x + i * S::THREADS;
        if (c < Tile::BYTES / 16) copy_async(to + h * Tile::BYTES + c * 16, from + c * 16);
      }
    }
  }

  __device__ __forceinline__ void fetch_operand(int kTile, int stage) const {
    unsigned char* to = shared + stage * S::STAGE_BYTES + S::WEIGHT_BYTES;
    const unsigned char* tile = (const unsigned char*)a.in + ((int64_t)kTile * a.inStride + (Tokens::IN_ORDER ? tokens.first : 0)) * (TILE * 2);
#pragma unroll
    for (int i = 0; i < CHUNKS; i++) {
      int c = threadIdx.x + i * S::THREADS;
      if constexpr (Tokens::IN_ORDER) {
        if (c < S::N * 8) copy_async(to + c * 16, tile + c * 16);
      } else {
        if (c < S::N * 8) copy_async(to + c * 16, tile + (int64_t)from[i] * 16);
      }
    }
  }

  // The swizzle of a row of the operand becomes that of its place in the block.
  __device__ __forceinline__ void find_chunks() {
#pragma unroll
    for (int i = 0; i < CHUNKS; i++) {
      int c = threadIdx.x + i * S::THREADS, row = c < S::N * 8 ? tokens.row(c / 8) : 0;
      from[i] = row * 8 + ((c ^ (c / 8) ^ row) & 7);
    }
  }

  // Fragments of B for 32 k.
  __device__ __forceinline__ void operand(uint32_t (&b)[S::NF][4], const unsigned char* tile, int steps) const {
    int lane = threadIdx.x % LANES;
#pragma unroll
    for (int n = 0; n < S::NF; n++) {
      int r = warpToken + n * 8 + lane % 8;
      load_matrices(b[n], tile + r * 128 + (((4 * steps + lane / 8) ^ (r & 7)) * 16));
    }
  }

  __device__ __forceinline__ void multiply_tile(Sums<S>& sums, int stage) const {
    const unsigned char* weight = shared + stage * S::STAGE_BYTES;
    Tile tile[S::HALVES][S::MF];
#pragma unroll
    for (int h = 0; h < S::HALVES; h++)
#pragma unroll
      for (int m = 0; m < S::MF; m++) tile[h][m].scales(weight + h * Tile::BYTES, warpRow + m * 16);
#pragma unroll
    for (int steps = 0; steps < 2; steps++) {
      uint32_t b[S::NF][4];
      operand(b, weight + S::WEIGHT_BYTES, steps);
#pragma unroll
      for (int h = 0; h < S::HALVES; h++)
#pragma unroll
        for (int m = 0; m < S::MF; m++) {
          uint32_t f[2][4];
          tile[h][m].fragments(f, weight + h * Tile::BYTES, warpRow + m * 16, steps);
#pragma unroll
          for (int i = 0; i < 2; i++)
#pragma unroll
            for (int n = 0; n < S::NF; n++) multiply(sums.x[h][m][n], f[i], b[n][2 * i], b[n][2 * i + 1]);
        }
    }
  }

  __device__ __forceinline__ int segment_begin(int s) const { return s * tiles_of(a.columns) / a.segments; }

  // The segments from `first` to before `last`, added in order.
  __device__ __forceinline__ bool accumulate(Sums<S>& total, int first, int last) {
    int begin = segment_begin(first), end = segment_begin(last);
    bool early = tokens.early();
    if (early)
      for (int i = 0; i < S::STAGES - 1; i++)
        if (begin + i < end) fetch_weight(begin + i, i);
    wait_for_earlier();
    if (!tokens.find()) return false;
    if (!Tokens::IN_ORDER) find_chunks();
    for (int i = 0; i < S::STAGES - 1; i++) {
      if (begin + i < end) {
        if (!early) fetch_weight(begin + i, i);
        fetch_operand(begin + i, i);
      }
      commit_copies();
    }
    Sums<S> sums;
    sums.each([](float (&x)[4], int) { x[0] = x[1] = x[2] = x[3] = 0.0f; });
    int segment = first, segmentEnd = segment_begin(first + 1);
    int stage = 0, ahead = S::STAGES - 1;
    for (int k = begin; k < end; k++) {
      wait_for_copies<S::STAGES - 2>();
      __syncthreads();
      if (k + S::STAGES - 1 < end) {
        fetch_weight(k + S::STAGES - 1, ahead);
        fetch_operand(k + S::STAGES - 1, ahead);
      }
      commit_copies();
      multiply_tile(sums, stage);
      stage = stage + 1 == S::STAGES ? 0 : stage + 1;
      ahead = ahead + 1 == S::STAGES ? 0 : ahead + 1;
      if (k + 1 == segmentEnd) {
        add(total, sums, segment == first);
        segment++;
        segmentEnd = segment_begin(segment + 1);
      }
    }
    return true;
  }

  __device__ __forceinline__ void add(Sums<S>& total, Sums<S>& sums, bool isFirst) const {
    total.each([&](float (&x)[4], int at) {
      float (&y)[4] = (&sums.x[0][0][0])[at];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        x[i] = isFirst ? y[i] : __fadd_rn(x[i], y[i]);
        y[i] = 0.0f;
      }
    });
  }

  // Leaves a segment's sums in memory. True for the last block of a tile to come here, with all segments' sums added in order.
  __device__ __forceinline__ bool gather_segments(Sums<S>& sums) const {
    __shared__ int arrived;
    int tile = blockIdx.y * gridDim.x + blockIdx.x;
    float4* room = (float4*)a.partials + (int64_t)tile * a.segments * (S::FRAGMENTS * S::THREADS);
    float4* own = room + (int64_t)blockIdx.z * (S::FRAGMENTS * S::THREADS);
    sums.each([&](float (&x)[4], int at) { own[at * S::THREADS + threadIdx.x] = make_float4(x[0], x[1], x[2], x[3]); });
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) arrived = atomicAdd(a.arrivals + tile, 1);
    __syncthreads();
    if (arrived != a.segments - 1) return false;
    __threadfence();
    if (threadIdx.x == 0) a.arrivals[tile] = 0;
    for (int s = 0; s < a.segments; s++) {
      const float4* from = room + (int64_t)s * (S::FRAGMENTS * S::THREADS);
      sums.each([&](float (&x)[4], int at) {
        float4 y = load_fresh(from + at * S::THREADS + threadIdx.x);
        x[0] = s == 0 ? y.x : __fadd_rn(x[0], y.x);
        x[1] = s == 0 ? y.y : __fadd_rn(x[1], y.y);
        x[2] = s == 0 ? y.z : __fadd_rn(x[2], y.z);
        x[3] = s == 0 ? y.w : __fadd_rn(x[3], y.w);
      });
    }
    return true;
  }

  static __device__ __forceinline__ float biased(float sum, const float* bias, int row) { return bias ? __fadd_rn(sum, bias[row]) : sum; }

  __device__ __forceinline__ void store(Sums<S>& sums) const {
    const float* bias = tokens.bias();
    int g = threadIdx.x % LANES / 4, t = threadIdx.x % 4;
#pragma unroll
    for (int m = 0; m < S::MF; m++)
#pragma unroll
      for (int n = 0; n < S::NF; n++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
          int row = rowTile * TILE + warpRow + m * 16 + g + i / 2 * 8;
          int r = tokens.first + warpToken + n * 8 + 2 * t + i % 2;
          if (r >= tokens.end) continue;
          if constexpr (S::GATED) {
            float gate = biased(sums.x[0][m][n][i], bias, row), up = biased(sums.x[S::HALVES - 1][m][n][i], bias, row + a.weightRows / 2);
            ((uint16_t*)a.out)[operand_chunk(a.outStride, r, row) + row % 8] = bf16_of(S::Function::gated(gate, up));
          } else if (row < a.weightRows) {
            float* to = (float*)a.out + (int64_t)r * a.outStride + a.outColumn + row;
            float sum = biased(sums.x[0][m][n][i], bias, row);
            *to = a.add ? __fadd_rn(*to, sum) : sum;
          }
        }
  }
};

template <class Tile, class S, class Tokens> __device__ __forceinline__ void linear_block(const Linear& a, const Tokens& tokens) {
  let_later_begin();
  Product<Tile, S, Tokens> product(a, tokens);
  if ((int)blockIdx.x >= (S::GATED ? a.weightRows / 2 / TILE : tiles_of(a.weightRows))) {
    wait_for_earlier();
    return;
  }
  Sums<S> sums;
  bool apart = Tokens::APART && gridDim.z > 1;
  if (!product.accumulate(sums, apart ? blockIdx.z : 0, apart ? blockIdx.z + 1 : a.segments)) return;
  if (apart && !product.gather_segments(sums)) return;
  product.store(sums);
}

// F32 and F16 weights: a warp for each row of the weight, for 8 tokens; lanes take four k at a time, in turns.
constexpr int PLAIN_TOKENS = 8;

__device__ __forceinline__ float4 four(const float* at) { return *(const float4*)at; }
__device__ __forceinline__ float4 four(const uint16_t* at) {
  uint2 v = *(const uint2*)at;
  return make_float4(half_value((uint16_t)v.x), half_value((uint16_t)(v.x >> 16)), half_value((uint16_t)v.y), half_value((uint16_t)(v.y >> 16)));
}

template <class T, class Tokens> __device__ __forceinline__ void plain_linear(const Linear& a, Tokens tokens) {
  let_later_begin();
  wait_for_earlier();
  int row = blockIdx.x * 8 + threadIdx.x / LANES, lane = threadIdx.x % LANES;
  if (row >= a.weightRows || !tokens.find()) return;
  int count = min(PLAIN_TOKENS, tokens.end - tokens.first);
  const T* weight = (const T*)tokens.weight() + (int64_t)row * a.weightStride;
  const float* in = (const float*)a.in;
  float sums[PLAIN_TOKENS] = {};
  for (int k = 4 * lane; k < a.columns; k += 4 * LANES) {
    float4 w = four(weight + k);
    int real = a.columns - k;
#pragma unroll
    for (int i = 0; i < PLAIN_TOKENS; i++) {
      if (i >= count) break;
      float4 x = four(in + (int64_t)tokens.row(i) * a.inStride + k);
      sums[i] = __fmaf_rn(w.x, x.x, sums[i]);
      if (real > 1) sums[i] = __fmaf_rn(w.y, x.y, sums[i]);
      if (real > 2) sums[i] = __fmaf_rn(w.z, x.z, sums[i]);
      if (real > 3) sums[i] = __fmaf_rn(w.w, x.w, sums[i]);
    }
  }
  const float* bias = tokens.bias();
#pragma unroll
  for (int i = 0; i < PLAIN_TOKENS; i++) {
    float sum = warp_sum(sums[i]);
    if (lane != 0 || i >= count) continue;
    if (bias) sum = __fadd_rn(sum, bias[row]);
    float* to = (float*)a.out + (int64_t)(tokens.first + i) * a.outStride + a.outColumn + row;
    *to = a.add ? __fadd_rn(*to, sum) : sum;
  }
}

} // namespace serval
