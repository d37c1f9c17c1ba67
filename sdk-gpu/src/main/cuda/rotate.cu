// Turns queries and keys by their positions, before or behind norms where there are any, and writes keys and values to the cache. A block
// for each row, a warp for each head; a head's pairs lie in its warp's lanes, in order.
#include "device.cuh"

namespace serval {

// What rows have.
constexpr int LATENT = 1, QUERIES = 2;

// How an element is kept, or a block of 32.
struct F32Cache {
  static constexpr int BYTES = 4, ELEMENTS = 1;
  static __device__ __forceinline__ void store(unsigned char* row, int i, float x) { ((float*)row)[i] = x; }
};
struct F16Cache {
  static constexpr int BYTES = 2, ELEMENTS = 1;
  static __device__ __forceinline__ void store(unsigned char* row, int i, float x) { ((uint16_t*)row)[i] = half_of(x); }
};
struct Bf16Cache {
  static constexpr int BYTES = 2, ELEMENTS = 1;
  static __device__ __forceinline__ void store(unsigned char* row, int i, float x) { ((uint16_t*)row)[i] = bf16_of(x); }
};
struct Q8Cache {
  static constexpr int BYTES = 34, ELEMENTS = 32;
};

// A warp writes one position of one head, whose F32 row its own lanes may have written.
template <class Cache> __device__ __forceinline__ void store_head(unsigned char* to, const float* head, int dim) {
  int lane = threadIdx.x % LANES;
  if constexpr (Cache::ELEMENTS == 1) {
    for (int i = lane; i < dim; i += LANES) Cache::store(to, i, head[i]);
  } else {
    __syncwarp();
    for (int block = 0; block < dim / LANES; block++) {
      float x = head[block * LANES + lane];
      float largest = warp_max(fabsf(x));
      if (__any_sync(ALL, x != x)) largest = __uint_as_float(0x7fc00000u);
      float d = __fdiv_rn(largest, 127.0f);
      float q = d > 0.0f ? rintf(__fdiv_rn(x, d)) : 0.0f;
      unsigned char* at = to + block * 34;
      at[2 + lane] = (unsigned char)(int8_t)(int)q;
      if (lane == 0) *(uint16_t*)at = half_of(d);
    }
  }
}

// The sum of squares of some elements of a head, which its warp's lanes take in turns; of elements that are smaller by 2^64, too,
// in case it is beyond all numbers.
struct SquareSum {
  float sum = 0.0f, scaledSum = 0.0f;

  __device__ __forceinline__ void add(float x) {
    float scaled = __fmul_rn(x, 0x1p-64f);
    sum = __fmaf_rn(x, x, sum);
    scaledSum = __fmaf_rn(scaled, scaled, scaledSum);
  }
};

// A norm of the first dimensions of a head.
struct HeadNorm {
  const float* gain; // null for none
  int dims;
  float factor = 1.0f, scale = 1.0f;

  __device__ __forceinline__ HeadNorm() : gain(nullptr), dims(0) {}

  // Of what the warp's lanes have added up; none of them if there is no gain.
  __device__ __forceinline__ HeadNorm(const SquareSum& squares, const float* gain, int dims, float epsilon) : gain(gain), dims(dims) {
    if (!gain) return;
    float sum = warp_sum(squares.sum), scaledSum = warp_sum(squares.scaledSum);
    bool huge = isinf(sum) && !isinf(scaledSum);
    float mean = __fdiv_rn(huge ? scaledSum : sum, (float)dims);
    factor = __fdiv_rn(1.0f, __fsqrt_rn(huge ? mean : __fadd_rn(mean, epsilon)));
    scale = huge ? 0x1p-64f : 1.0f;
  }

  // Of a head as it lies there.
  static __device__ __forceinline__ HeadNorm of_head(const float* head, const float* gain, int dims, float epsilon) {
    SquareSum squares;
    for (int i = threadIdx.x % LANES; gain && i < dims; i += LANES) squares.add(head[i]);
    return HeadNorm(squares, gain, dims, epsilon);
  }

  __device__ __forceinline__ float of(float x, int i) const {
    return gain && i < dims ? __fmul_rn(__fmul_rn(__fmul_rn(x, scale), factor), gain[i]) : x;
  }
};

// Turns a head that a norm takes first, pair by pair, and what is not turned: give gets an element's index and its value.
template <class F> __device__ __forceinline__ void turn_pairs(const RotateStore& a, const float* head, const HeadNorm& norm, const float2* turns, F give) {
  int lane = threadIdx.x % LANES, from = a.inputs == LATENT ? a.valueDim : 0;
#pragma unroll 2
  for (int i = lane; i < a.pairs; i += LANES) {
    int first = from + (a.interleaved ? 2 * i : i), second = from + (a.interleaved ? 2 * i + 1 : i + a.pairs);
    float2 turn = turns[i];
    float x = norm.of(head[first], first), y = norm.of(head[second], second);
    give(first, __fsub_rn(__fmul_rn(x, turn.x), __fmul_rn(y, turn.y)));
    give(second, __fadd_rn(__fmul_rn(x, turn.y), __fmul_rn(y, turn.x)));
  }
  for (int i = lane; i < from; i += LANES) give(i, norm.of(head[i], i));
  for (int i = from + 2 * a.pairs + lane; i < a.headDim; i += LANES) give(i, norm.of(head[i], i));
}

// Normalises (with a gain) and turns a head, or turns and normalises it: store gets an element's index and its value.
template <class F> __device__ __forceinline__ void turn_head(const RotateStore& a, const float* head, const float* gain, const float2* turns, F store) {
  if (gain && a.normsBehind) {
    SquareSum squares;
    turn_pairs(a, head, HeadNorm(), turns, [&](int, float x) { squares.add(x); });
    HeadNorm norm(squares, gain, a.headDim, a.normEpsilon);
    turn_pairs(a, head, HeadNorm(), turns, [&](int i, float x) { store(i, norm.of(x, i)); });
    return;
  }
  HeadNorm norm = HeadNorm::of_head(head, gain, a.inputs == LATENT ? a.valueDim : a.headDim, a.normEpsilon);
  turn_pairs(a, head, norm, turns, store);
}

// What no kernel writes is read before those before have ended: the step, and what turns.
template <class Cache> __device__ __forceinline__ void rotate_store_row(const RotateStore& a) {
  let_later_begin();
  int row = blockIdx.x;
  const Step* step = a.step;
  if (row >= step->rows) {
    wait_for_earlier();
    return;
  }
  int position = array<int32_t>(step, step->positions)[row];
  int sequence = array<int32_t>(step, step->sequenceOf)[row];
  const int32_t* table = array<int32_t>(step, step->blocks) + array<int32_t>(step, step->tableBegin)[sequence];
  int block = table[position / a.blockTokens * a.groups + a.group], slot = position % a.blockTokens;
  int64_t keyRow = (int64_t)a.headDim / Cache::ELEMENTS * Cache::BYTES, valueRow = (int64_t)a.valueDim / Cache::ELEMENTS * Cache::BYTES;
  unsigned char* layer = (unsigned char*)a.kv + block * a.blockBytes + a.layerOffset;
  const float2* queryTurns = (const float2*)a.queryTurns + (int64_t)position * a.pairs;
  const float2* keyTurns = (const float2*)a.keyTurns + (int64_t)position * a.pairs;
  float* heads = a.qkv + (int64_t)row * a.stride;
  wait_for_earlier();
  int warps = blockDim.x / LANES;
  int count = a.heads + (a.inputs == QUERIES ? 0 : a.inputs == LATENT ? 1 : 2) * a.kvHeads;
  for (int h = blockIdx.y * warps + threadIdx.x / LANES; h < count; h += gridDim.y * warps) {
    int kvHead = h - a.heads;
    if (kvHead >= a.kvHeads) {
      int own = kvHead - a.kvHeads;
      float* head = heads + (int64_t)(a.heads + a.kvHeads) * a.headDim + (int64_t)own * a.valueDim;
      if (a.valueNorm) {
        HeadNorm norm = HeadNorm::of_head(head, a.valueNorm, a.valueDim, a.normEpsilon);
        for (int i = threadIdx.x % LANES; i < a.valueDim; i += LANES) head[i] = norm.of(head[i], i);
      }
      store_head<Cache>(layer + a.kvHeads * a.blockTokens * keyRow + (own * a.blockTokens + slot) * valueRow, head, a.valueDim);
      continue;
    }
    float* head = heads + (int64_t)h * a.headDim;
    unsigned char* key = layer + (kvHead * a.blockTokens + slot) * keyRow;
    unsigned char* value = layer + a.kvHeads * a.blockTokens * keyRow + (kvHead * a.blockTokens + slot) * valueRow;
    if (kvHead < 0 || Cache::ELEMENTS > 1) {
      __syncwarp();
      turn_head(a, head, kvHead < 0 ? a.queryNorm : a.keyNorm, kvHead < 0 ? queryTurns : keyTurns, [&](int i, float x) { head[i] = x; });
      if (kvHead >= 0) store_head<Cache>(key, head, a.headDim);
      if (kvHead >= 0 && a.inputs == LATENT) store_head<Cache>(value, head, a.valueDim);
    } else if constexpr (Cache::ELEMENTS == 1) {
      turn_head(a, head, a.keyNorm, keyTurns, [&](int i, float x) {
        Cache::store(key, i, x);
        if (a.inputs == LATENT && i < a.valueDim) Cache::store(value, i, x);
      });
    }
  }
}

} // namespace serval

KERNEL(rotate_store_f32, RotateStore, 256, 1, 0) { serval::rotate_store_row<serval::F32Cache>(a); }
KERNEL(rotate_store_f16, RotateStore, 256, 1, 0) { serval::rotate_store_row<serval::F16Cache>(a); }
KERNEL(rotate_store_bf16, RotateStore, 256, 1, 0) { serval::rotate_store_row<serval::Bf16Cache>(a); }
KERNEL(rotate_store_q8_0, RotateStore, 256, 1, 0) { serval::rotate_store_row<serval::Q8Cache>(a); }
