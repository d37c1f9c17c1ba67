// Attention of runs of many rows; see attention.cuh.
#pragma once

#include "attention.cuh"

namespace serval {

constexpr int PREFILL_WARPS = 8;

// Runs of many rows: a block for up to 128 rows, tokens times heads, of one key head; parts one after the other. Keys and values
// of the next tiles arrive while one is worked on; Turns says how warps wait for each other over that.
template <int W, class Turns> struct Prefill {
  using L = Lay<W>;
  static constexpr int WARPS = PREFILL_WARPS;
  static constexpr int STAGE = 2 * KEYS * L::PITCH;
  static constexpr int SHARED = Turns::SLOTS * STAGE + Turns::BYTES;

  const Attention& a;
  int last[2];           // the last position that rows g and g + 8 of this warp see; -1 for none
  uint32_t seen, shared; // tiles of which any row of the warp sees something, and all real ones see everything: first, and 1 + last << 16
  float scale;
  Queries<W> queries;
  State<L::TILES> part, total;

  __device__ __forceinline__ Prefill(const Attention& a) : a(a) {}

  __device__ __forceinline__ int query(int i) const { return threadIdx.x / LANES * 16 + threadIdx.x % LANES / 4 + 8 * i; }

  // Few of a block's numbers are needed to its end, and registers are short.
  __device__ __forceinline__ Tile tile() const { return array<Tile>(a.step, a.step->tileOf)[blockIdx.x]; }
  __device__ __forceinline__ int group() const { return a.heads / a.kvHeads; }
  __device__ __forceinline__ int head(int query) const { return blockIdx.y * group() + query % group(); }
  __device__ __forceinline__ int column(int query) const { return head(query) * a.headDim; }
  __device__ __forceinline__ int first_seen(int position) const { return serval::first_seen(a, position); }
  static __device__ __forceinline__ uint32_t range(int first, int end) { return (uint32_t)first | (uint32_t)max(end, 0) << 16; }
  static __device__ __forceinline__ bool within(int index, uint32_t range) { return index >= (int)(range & 0xffff) && index < (int)(range >> 16); }

  __device__ __forceinline__ void begin(const Tile& tile, int position) {
    scale = exponent_scale(a);
    const float* rows[2];
    int end = tile.rows * group();
#pragma unroll
    for (int i = 0; i < 2; i++) {
      int q = query(i);
      last[i] = q < end ? position + q / group() : -1;
      rows[i] = q < end ? a.qkv + (int64_t)(tile.firstRow + q / group()) * a.stride + column(q) : nullptr;
    }
    queries.load(rows, a.headDim);
    int warpQuery = threadIdx.x / LANES * 16;
    int least = position + warpQuery / group(), most = position + min(warpQuery + 15, end - 1) / group();
    seen = range(first_seen(least) / KEYS, warpQuery < end ? most / KEYS + 1 : 0);
    shared = range((first_seen(most) + KEYS - 1) / KEYS, (least + 1) / KEYS);
  }

  // The tile's place in shared memory.
  static __device__ __forceinline__ unsigned char* slot(int index) { return shared_memory() + index % Turns::SLOTS * STAGE; }

  // A group of copies, be there such a tile or not.
  __device__ __forceinline__ void fetch(const TensorCache& cache, int index, int from, int to) const {
    if (index * KEYS <= to) copy(cache, index, from, to);
    commit_copies();
  }

  __device__ __forceinline__ void copy(const TensorCache& cache, int index, int from, int to) const {
    unsigned char* keys = slot(index);
    unsigned char* values = keys + KEYS * L::PITCH;
#pragma unroll
    for (int i = 0; i < KEYS * L::CHUNKS / (WARPS * LANES); i++) {
      int c = threadIdx.x + i * (WARPS * LANES), row = c / L::CHUNKS, chunk = c % L::CHUNKS;
      int p = index * KEYS + row;
      bool real = p >= from && p <= to && 8 * chunk < a.headDim;
      const unsigned char* key = cache.base;
      if (real) key = cache.key(p) + chunk * 16;
      copy_async_or_zero(keys + L::key(row, chunk), key, real);
      copy_async_or_zero(values + L::value(row, chunk), key + cache.valueOffset, real);
    }
  }

  __device__ __forceinline__ void attend(int index) {
    const unsigned char* keys = slot(index);
    const unsigned char* values = keys + KEYS * L::PITCH;
    int lane = threadIdx.x % LANES;
    Scores scores;
    scores.clear();
#pragma unroll
    for (int j = 0; j < L::GROUPS; j++)
#pragma unroll
      for (int n = 0; n < 8; n += 4) queries.score_four(scores, n, j, [&](int m) { return *(const uint4*)(keys + L::key(8 * m + lane / 4, 4 * j + lane % 4)); });
    int begin = index * KEYS;
    bool masked = !within(index, shared);
    if (masked) {
      int first[2] = {first_seen(last[0]), first_seen(last[1])};
      scores.mask(begin, first, last);
    }
    uint32_t p[4][4];
    weigh(part, scores, scale, p);
    if (masked && !finite(values))
      add_seen_values(p, values, begin);
    else
      add_values<W>(part.o, p, values, 0);
  }

  static __device__ __forceinline__ bool is_finite(uint32_t pair) {
    return (pair & 0x7f800000u) != 0x7f800000u && (pair & 0x7f80u) != 0x7f80u;
  }

  static __device__ __forceinline__ bool finite_tile(const unsigned char* values) {
    bool finite = true;
#pragma unroll 1
    for (int c = threadIdx.x % LANES; c < KEYS * L::CHUNKS; c += LANES) {
      uint4 v = *(const uint4*)(values + c * 16);
      finite = finite && is_finite(v.x) && is_finite(v.y) && is_finite(v.z) && is_finite(v.w);
    }
    return finite;
  }
  __device__ __forceinline__ bool finite(const unsigned char* values) const { return __all_sync(ALL, finite_tile(values)); }

  // A value that is no finite number reaches the rows that see it alone, although products mix all.
  __device__ __forceinline__ void add_seen_values(const uint32_t (&p)[4][4], const unsigned char* values, int begin) {
    int lane = threadIdx.x % LANES, t = lane % 4;
#pragma unroll
    for (int j = 0; j < 4; j++)
#pragma unroll
      for (int n = 0; n < L::TILES; n += 2) {
        uint32_t v[4];
        load_matrices_transposed(v, values + L::value(16 * j + lane % 16, n + lane / 16));
#pragma unroll
        for (int i = 0; i < 4; i++) {
          if ((v[i] & 0x7f80u) == 0x7f80u) v[i] &= 0xffff0000u;
          if ((v[i] & 0x7f800000u) == 0x7f800000u) v[i] &= 0xffffu;
        }
        multiply(part.o[n], p[j], v[0], v[1]);
        multiply(part.o[n + 1], p[j], v[2], v[3]);
      }
#pragma unroll
    for (int n = 0; n < L::TILES; n++)
#pragma unroll 1
      for (int k = 0; k < KEYS; k++) {
        uint32_t pair = *(const uint32_t*)(values + L::value(k, n) + 4 * t);
#pragma unroll
        for (int i = 0; i < 2; i++) {
          if (begin + k > last[i] || begin + k < first_seen(last[i])) continue;
          if ((pair & 0x7f80u) == 0x7f80u) part.o[n][2 * i] = __fadd_rn(part.o[n][2 * i], bf16_low(pair));
          if ((pair & 0x7f800000u) == 0x7f800000u) part.o[n][2 * i + 1] = __fadd_rn(part.o[n][2 * i + 1], bf16_high(pair));
        }
      }
  }

  __device__ __forceinline__ void end_part() {
#pragma unroll
    for (int i = 0; i < 2; i++) {
      Merge merge(total.largest[i], part.largest[i], scale);
      total.sum[i] = merge.merged(total.sum[i], quad_sum(part.sum[i]));
      total.largest[i] = merge.largest;
#pragma unroll
      for (int n = 0; n < L::TILES; n++)
#pragma unroll
        for (int k = 0; k < 2; k++) total.o[n][2 * i + k] = merge.merged(total.o[n][2 * i + k], part.o[n][2 * i + k]);
    }
    part.clear();
  }

  __device__ __forceinline__ void store() const {
    Tile tile = this->tile();
    int t = threadIdx.x % 4;
#pragma unroll
    for (int i = 0; i < 2; i++) {
      int q = query(i);
      if (q >= tile.rows * group()) continue;
      float share = __fdiv_rn(1.0f, with_sink(a, head(q), total.largest[i], total.sum[i], scale));
#pragma unroll
      for (int n = 0; n < L::TILES; n++)
        if (8 * n < a.headDim)
          store_pair(a, tile.firstRow + q / group(), column(q) + 8 * n + 2 * t, __fmul_rn(total.o[n][2 * i], share),
                     __fmul_rn(total.o[n][2 * i + 1], share));
    }
    if (blockIdx.y == 0)
      for (int r = threadIdx.x / LANES; r < tile.rows; r += WARPS) pad_operand(a, tile.firstRow + r, LANES);
  }

  __device__ __forceinline__ void run() {
    let_later_begin();
    wait_for_earlier();
    if ((int)blockIdx.x >= a.step->tiles) return;
    Tile tile = this->tile();
    int position = array<int32_t>(a.step, a.step->positions)[tile.firstRow];
    begin(tile, position);
    part.clear();
    total.clear();
    TensorCache cache(a, tile.sequence, blockIdx.y);
    int from = first_seen(position), to = position + tile.rows - 1;
    int index = from / KEYS, lastIndex = to / KEYS;
    Turns turns(shared_memory() + Turns::SLOTS * STAGE);
#pragma unroll
    for (int i = 0; i < Turns::AHEAD; i++) fetch(cache, index + i, from, to);
    turns.begin(index);
#pragma unroll 1
    for (; index <= lastIndex; index++) {
      turns.take(index);
      fetch(cache, index + Turns::AHEAD, from, to);
      turns.go_on(index);
      if (within(index, seen)) attend(index);
      turns.leave(index);
      if (index % (PART / KEYS) == PART / KEYS - 1 || index == lastIndex) end_part();
    }
    store();
  }
};

} // namespace serval
