// Attention over the paged cache.
//
// What must hold: a row's result depends on its queries and on the keys and values that it sees, to the bit, and not on whether
// its run has one row or many. So all tensor-core kernels do the same arithmetic on a row. Positions fall into parts of 256 from
// position 0 on and these into tiles of 64. For each part, tile after tile: scores by products of 16 dimensions in a fixed order;
// the largest score so far; weights, rounded to BF16; their sum, and the sum of weighted values by products of 16 positions
// (Milakov and Gimelshein, arXiv:1805.02867; Dao, FlashAttention-2, arXiv:2307.08691). A tile of which a row sees nothing leaves
// its part as it is, so such tiles may be left out. Parts are merged in order, by `merged`, into what begins empty. A head's sink
// is one weight more in the sum, once all parts are merged.
//
// Rows that products take are queries of the heads that share a key head: 16 to a warp, which holds row g and g + 8 in lanes
// 4 g to 4 g + 3. Which dimensions meet in a product is up to us as long as queries and keys agree: lane t of four takes the
// 16-byte chunk 4 j + t of a key, which serves two products.
#pragma once

#include "device.cuh"

namespace serval {

constexpr int KEYS = 64; // positions of a tile
constexpr float NOTHING_SEEN = -INFINITY;

// The state of rows g and g + 8 over a part, or over all parts so far: largest score, sum of weights, weighted values.
template <int TILES> struct State {
  float largest[2];
  float sum[2]; // of a part: this lane's share
  float o[TILES][4];
  __device__ __forceinline__ void clear() {
    largest[0] = largest[1] = NOTHING_SEEN;
    sum[0] = sum[1] = 0.0f;
#pragma unroll
    for (int n = 0; n < TILES; n++) o[n][0] = o[n][1] = o[n][2] = o[n][3] = 0.0f;
  }
};

// The first position that a row sees.
__device__ __forceinline__ int first_seen(const Attention& a, int position) {
  return a.chunked ? position - position % a.window : max(position - a.window, -1) + 1;
}

// What scores are multiplied with so that powers of two can be taken.
constexpr float LOG2_E = 1.44269504088896340736f;
__device__ __forceinline__ float exponent_scale(const Attention& a) { return __fmul_rn(a.scale, LOG2_E); }

__device__ __forceinline__ float largest_exponent(float largest, float scale) {
  return largest == NOTHING_SEEN ? 0.0f : __fmul_rn(largest, scale);
}

// What a sum up to `before` is multiplied with when the largest score becomes `after`.
__device__ __forceinline__ float decay(float before, float after, float scale) {
  return power_of_two(__fsub_rn(__fmul_rn(before, scale), largest_exponent(after, scale)));
}

// The factors of merging a part into those before it.
struct Merge {
  float largest, before, part;
  bool nothing; // the part saw nothing: all stays
  __device__ __forceinline__ Merge(float largestBefore, float largestOfPart, float scale) {
    nothing = largestOfPart == NOTHING_SEEN;
    largest = fmaxf(largestBefore, largestOfPart);
    before = decay(largestBefore, largest, scale);
    part = decay(largestOfPart, largest, scale);
  }
  __device__ __forceinline__ float merged(float x, float ofPart) const {
    return nothing ? x : __fmaf_rn(x, before, __fmul_rn(ofPart, part));
  }
  __device__ __forceinline__ float4 merged(float4 x, float4 ofPart) const {
    return make_float4(merged(x.x, ofPart.x), merged(x.y, ofPart.y), merged(x.z, ofPart.z), merged(x.w, ofPart.w));
  }
};

// The sum of all weights, the sink's included. Where no score is a number the sum stays 0, and so the result is no number.
__device__ __forceinline__ float with_sink(const Attention& a, int head, float largest, float sum, float scale) {
  if (!a.sinks || largest == NOTHING_SEEN) return sum;
  return __fadd_rn(sum, power_of_two(__fsub_rn(__fmul_rn(a.sinks[head], LOG2_E), __fmul_rn(largest, scale))));
}

__device__ __forceinline__ float quad_sum(float x) {
  x = __fadd_rn(x, __shfl_xor_sync(ALL, x, 1));
  return __fadd_rn(x, __shfl_xor_sync(ALL, x, 2));
}

__device__ __forceinline__ float quad_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(ALL, x, 1));
  return fmaxf(x, __shfl_xor_sync(ALL, x, 2));
}

// Scores of 16 rows and 64 positions: [n][2 i + j] is row g + 8 i, position 8 n + 2 t + j.
struct Scores {
  float s[8][4];

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int n = 0; n < 8; n++) s[n][0] = s[n][1] = s[n][2] = s[n][3] = 0.0f;
  }

  // Forgets what rows do not see: positions beyond last[i], or before first[i].
  __device__ __forceinline__ void mask(int tileBegin, const int (&first)[2], const int (&last)[2]) {
    int t = threadIdx.x % 4;
#pragma unroll
    for (int n = 0; n < 8; n++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        int position = tileBegin + 8 * n + 2 * t + i % 2;
        if (position > last[i / 2] || position < first[i / 2]) s[n][i] = NOTHING_SEEN;
      }
  }

  __device__ __forceinline__ void largest(float (&of)[2]) const {
#pragma unroll
    for (int i = 0; i < 2; i++) {
      float most = NOTHING_SEEN;
#pragma unroll
      for (int n = 0; n < 8; n++) most = fmaxf(most, fmaxf(s[n][2 * i], s[n][2 * i + 1]));
      of[i] = quad_max(most);
    }
  }

  // Weights relative to the largest score so far, as A fragments of four products over 16 positions each; and this lane's sums.
  __device__ __forceinline__ void weigh(const float (&largest)[2], float scale, uint32_t (&p)[4][4], float (&sums)[2]) {
    float exponent[2] = {largest_exponent(largest[0], scale), largest_exponent(largest[1], scale)};
    sums[0] = sums[1] = 0.0f;
#pragma unroll
    for (int n = 0; n < 8; n++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        s[n][i] = power_of_two(__fmaf_rn(s[n][i], scale, -exponent[i / 2]));
        sums[i / 2] = __fadd_rn(sums[i / 2], s[n][i]);
      }
      p[n / 2][n % 2 * 2] = bf16_pair(s[n][0], s[n][1]);
      p[n / 2][n % 2 * 2 + 1] = bf16_pair(s[n][2], s[n][3]);
    }
  }
};

// A tile's scores become weights, and what was summed of the part so far is brought to the new largest score.
template <int TILES> __device__ __forceinline__ void weigh(State<TILES>& part, Scores& scores, float scale, uint32_t (&p)[4][4]) {
  float largest[2], sums[2];
  scores.largest(largest);
  float kept[2];
#pragma unroll
  for (int i = 0; i < 2; i++) {
    largest[i] = fmaxf(part.largest[i], largest[i]);
    kept[i] = decay(part.largest[i], largest[i], scale);
    part.largest[i] = largest[i];
  }
  scores.weigh(largest, scale, p, sums);
#pragma unroll
  for (int i = 0; i < 2; i++) part.sum[i] = __fmaf_rn(part.sum[i], kept[i], sums[i]);
#pragma unroll
  for (int n = 0; n < TILES; n++)
#pragma unroll
    for (int i = 0; i < 4; i++) part.o[n][i] = __fmul_rn(part.o[n][i], kept[i / 2]);
}

// How tiles of keys and values of up to W dimensions lie in shared memory, without conflicts: keys are read 16 bytes a lane, two
// rows at a time; values by load_matrices_transposed, eight rows at a time.
template <int W> struct Lay {
  static constexpr int PITCH = W * 2;
  static constexpr int CHUNKS = W / 8;
  static constexpr int GROUPS = W / 32;
  static constexpr int TILES = W / 8;
  static __device__ __forceinline__ int key(int row, int chunk) {
    return row * PITCH + (W == 96 ? chunk : chunk ^ (row & 1) << 2) * 16;
  }
  static __device__ __forceinline__ int value(int row, int chunk) {
    return row * PITCH + (chunk ^ (W == 96 ? (row >> 1) & 3 : row & 7)) * 16;
  }
};

// Where positions of one sequence and key head lie in a cache whose blocks of ELEMENTS elements take BYTES.
template <int ELEMENTS, int BYTES> struct Cache {
  const Attention& a;
  const unsigned char* base; // keys of slot 0 of block 0
  const int32_t* table;
  int valueOffset;          // from a key to its value, where both are of one size
  const unsigned char* values; // of slot 0 of block 0
  int shift; // where blocks hold a power of two

  __device__ __forceinline__ Cache(const Attention& a, int sequence, int kvHead) : a(a) {
    const Step* step = a.step;
    table = array<int32_t>(step, step->blocks) + array<int32_t>(step, step->tableBegin)[sequence] + a.group;
    base = (const unsigned char*)a.kv + a.layerOffset + (int64_t)kvHead * a.blockTokens * row_bytes();
    valueOffset = a.kvHeads * a.blockTokens * row_bytes();
    values = (const unsigned char*)a.kv + a.layerOffset + valueOffset + (int64_t)kvHead * a.blockTokens * value_bytes();
    shift = (a.blockTokens & (a.blockTokens - 1)) == 0 ? __popc(a.blockTokens - 1) : -1;
  }

  __device__ __forceinline__ int row_bytes() const { return a.headDim / ELEMENTS * BYTES; }

  __device__ __forceinline__ int value_bytes() const { return a.valueDim / ELEMENTS * BYTES; }

  __device__ __forceinline__ const unsigned char* key(int position) const {
    int block = shift >= 0 ? position >> shift : position / a.blockTokens;
    return base + table[block * a.groups] * a.blockBytes + (position - block * a.blockTokens) * row_bytes();
  }

  __device__ __forceinline__ const unsigned char* value(int position) const {
    int block = shift >= 0 ? position >> shift : position / a.blockTokens;
    return values + table[block * a.groups] * a.blockBytes + (position - block * a.blockTokens) * value_bytes();
  }
};
using TensorCache = Cache<1, 2>;

// Queries of rows g and g + 8 as A fragments; zeros beyond the head's dimensions, and for rows that are none.
template <int W> struct Queries {
  uint32_t q[2 * Lay<W>::GROUPS][4];

  __device__ __forceinline__ void load(const float* const (&rows)[2], int headDim) {
    int t = threadIdx.x % 4;
#pragma unroll
    for (int j = 0; j < Lay<W>::GROUPS; j++)
#pragma unroll
      for (int i = 0; i < 2; i++) {
        int d = 8 * (4 * j + t);
        uint4 w = make_uint4(0, 0, 0, 0);
        if (rows[i] && d < headDim) {
          const float* x = rows[i] + d;
          if (((uintptr_t)x & 15) == 0) {
            float4 u = *(const float4*)x, v = *(const float4*)(x + 4);
            w = make_uint4(bf16_pair(u.x, u.y), bf16_pair(u.z, u.w), bf16_pair(v.x, v.y), bf16_pair(v.z, v.w));
          } else {
            w = make_uint4(bf16_pair(x[0], x[1]), bf16_pair(x[2], x[3]), bf16_pair(x[4], x[5]), bf16_pair(x[6], x[7]));
          }
        }
        q[2 * j][i] = w.x;
        q[2 * j][2 + i] = w.y;
        q[2 * j + 1][i] = w.z;
        q[2 * j + 1][2 + i] = w.w;
      }
  }

  // Adds the products of 32 dimensions with four times eight keys, those that wait for each other apart.
  template <class F> __device__ __forceinline__ void score_four(Scores& scores, int n, int j, F key) const {
    uint4 k[4];
#pragma unroll
    for (int i = 0; i < 4; i++) k[i] = key(n + i);
#pragma unroll
    for (int i = 0; i < 4; i++) multiply(scores.s[n + i], q[2 * j], k[i].x, k[i].y);
#pragma unroll
    for (int i = 0; i < 4; i++) multiply(scores.s[n + i], q[2 * j + 1], k[i].z, k[i].w);
  }
};

// Adds weights times a tile's values, of the value tiles from `first` on.
template <int W, int TILES>
__device__ __forceinline__ void add_values(float (&o)[TILES][4], const uint32_t (&p)[4][4], const unsigned char* values, int first) {
  int lane = threadIdx.x % LANES;
#pragma unroll
  for (int j = 0; j < 4; j++)
#pragma unroll
    for (int n = 0; n < TILES; n += 2) {
      uint32_t v[4];
      load_matrices_transposed(v, values + Lay<W>::value(16 * j + lane % 16, first + n + lane / 16));
      multiply(o[n], p[j], v[0], v[1]);
      multiply(o[n + 1], p[j], v[2], v[3]);
    }
}

// Where results go: two neighbouring dimensions of a row's head.
__device__ __forceinline__ void store_pair(const Attention& a, int row, int column, float x, float y) {
  if (a.outOperand) {
    *(uint32_t*)((uint16_t*)a.out + operand_chunk(a.outStride, row, column) + column % 8) = bf16_pair(x, y);
  } else {
    float* to = (float*)a.out + (int64_t)row * a.outStride + column;
    to[0] = x;
    to[1] = y;
  }
}

// An operand's columns beyond the real ones are zeros, to the end of the last k tile.
__device__ __forceinline__ void pad_operand(const Attention& a, int row, int threads) {
  int columns = a.heads * a.headDim;
  if (!a.outOperand || columns % TILE == 0) return;
  for (int column = columns + threadIdx.x % threads; column < tiles_of(columns) * TILE; column += threads)
    ((uint16_t*)a.out)[operand_chunk(a.outStride, row, column) + column % 8] = 0;
}

} // namespace serval
