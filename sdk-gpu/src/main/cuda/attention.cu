// Attention over the paged cache.
//
// What must hold: a row's result depends on its queries and on the keys and values that it sees, to the bit, and not on whether
// its run has one row or many. So all tensor-core kernels do the same arithmetic on a row. Positions fall into parts of 256 from
// position 0 on and these into tiles of 64. For each part, tile after tile: scores by products of 16 dimensions in a fixed order;
// the largest score so far; weights, rounded to BF16; their sum, and the sum of weighted values by products of 16 positions
// (Milakov and Gimelshein, arXiv:1805.02867; Dao, FlashAttention-2, arXiv:2307.08691). A tile of which a row sees nothing leaves
// its part as it is, so such tiles may be left out. Parts are merged in order, by `merged`, into what begins empty.
//
// Rows that products take are queries of the heads that share a key head: 16 to a warp, which holds row g and g + 8 in lanes
// 4 g to 4 g + 3. Which dimensions meet in a product is up to us as long as queries and keys agree: lane t of four takes the
// 16-byte chunk 4 j + t of a key, which serves two products.
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

// What scores are multiplied with so that powers of two can be taken.
__device__ __forceinline__ float exponent_scale(const Attention& a) { return __fmul_rn(a.scale, 1.44269504088896340736f); }

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
};

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
  int valueOffset;
  int shift; // where blocks hold a power of two

  __device__ __forceinline__ Cache(const Attention& a, int sequence, int kvHead) : a(a) {
    const Step* step = a.step;
    table = array<int32_t>(step, step->blocks) + array<int32_t>(step, step->tableBegin)[sequence];
    base = (const unsigned char*)a.kv + a.layerOffset + (int64_t)kvHead * a.blockTokens * row_bytes();
    valueOffset = a.kvHeads * a.blockTokens * row_bytes();
    shift = (a.blockTokens & (a.blockTokens - 1)) == 0 ? __popc(a.blockTokens - 1) : -1;
  }

  __device__ __forceinline__ int row_bytes() const { return a.headDim / ELEMENTS * BYTES; }

  __device__ __forceinline__ const unsigned char* key(int position) const {
    int block = shift >= 0 ? position >> shift : position / a.blockTokens;
    return base + table[block] * a.blockBytes + (position - block * a.blockTokens) * row_bytes();
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

// Runs of many rows: a block for up to 128 rows, tokens times heads, of one key head; parts one after the other. Keys and values
// of the next tile arrive while one is worked on.
template <int W> struct Prefill {
  using L = Lay<W>;
  static constexpr int WARPS = 8;
  static constexpr int STAGE = 2 * KEYS * L::PITCH;
  static constexpr int SHARED = 2 * STAGE;

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
  __device__ __forceinline__ int column(int query) const { return (blockIdx.y * group() + query % group()) * a.headDim; }
  __device__ __forceinline__ int first_seen(int position) const { return max(position - a.window, -1) + 1; }
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

  __device__ __forceinline__ void fetch(const TensorCache& cache, int index, int from, int to) const {
    unsigned char* keys = shared_memory() + index % 2 * STAGE;
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
    commit_copies();
  }

  __device__ __forceinline__ void attend(int index) {
    const unsigned char* keys = shared_memory() + index % 2 * STAGE;
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
    float largest[2], sums[2];
    scores.largest(largest);
    float kept[2];
#pragma unroll
    for (int i = 0; i < 2; i++) {
      largest[i] = fmaxf(part.largest[i], largest[i]);
      kept[i] = decay(part.largest[i], largest[i], scale);
      part.largest[i] = largest[i];
    }
    uint32_t p[4][4];
    scores.weigh(largest, scale, p, sums);
#pragma unroll
    for (int i = 0; i < 2; i++) part.sum[i] = __fmaf_rn(part.sum[i], kept[i], sums[i]);
#pragma unroll
    for (int n = 0; n < L::TILES; n++)
#pragma unroll
      for (int i = 0; i < 4; i++) part.o[n][i] = __fmul_rn(part.o[n][i], kept[i / 2]);
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
      float share = __fdiv_rn(1.0f, total.sum[i]);
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
    fetch(cache, index, from, to);
#pragma unroll 1
    for (; index <= lastIndex; index++) {
      wait_for_copies<0>();
      __syncthreads();
      if (index < lastIndex) fetch(cache, index + 1, from, to);
      if (within(index, seen)) attend(index);
      if (index % (PART / KEYS) == PART / KEYS - 1 || index == lastIndex) end_part();
    }
    store();
  }
};

// Runs of one row: a block for each part of a sequence and key head. Each of its four warps scores one tile; then each sums the
// values of 32 dimensions over all tiles. The last block of a sequence and key head to be done merges the parts in order.
template <int W> struct Decode {
  using L = Lay<W>;
  static constexpr int SLICE = 4; // value tiles of a warp
  static constexpr int VALUES = PART * L::PITCH;
  static constexpr int WEIGHTS = 4 * 4 * LANES * 16;
  static constexpr int SHARED = VALUES + WEIGHTS + 4 * 16 * 4 + 4 * 2 * LANES * 4;

  const Attention& a;
  int sequence, partIndex, item, kvHead, group, row, position, firstSeen, firstPart, parts;
  float scale;
  unsigned char* values;
  uint4* weights;   // [tile][product][lane]
  const unsigned char** places; // [position of the part]: its key; null if it is not seen. Until there are weights
  float* maxima;    // [tile][row]
  float* laneSums;  // [tile][i][lane]

  __device__ __forceinline__ Decode(const Attention& a) : a(a) {
    values = shared_memory();
    weights = (uint4*)(values + VALUES);
    places = (const unsigned char**)weights;
    maxima = (float*)(values + VALUES + WEIGHTS);
    laneSums = maxima + 4 * 16;
  }

  __device__ __forceinline__ bool take(int work) {
    const Step* step = a.step;
    item = work / a.kvHeads;
    kvHead = work % a.kvHeads;
    Part p = array<Part>(step, step->partOf)[item];
    sequence = p.sequence;
    partIndex = p.part;
    group = a.heads / a.kvHeads;
    row = array<int32_t>(step, step->firstRow)[sequence];
    position = array<int32_t>(step, step->positions)[row];
    firstSeen = max(position - a.window, -1) + 1;
    firstPart = firstSeen / PART;
    parts = position / PART - firstPart + 1;
    scale = exponent_scale(a);
    return partIndex >= firstPart;
  }

  __device__ __forceinline__ bool seen(int p) const { return p >= firstSeen && p <= position; }

  __device__ __forceinline__ void find_places(const TensorCache& cache) const {
#pragma unroll
    for (int r = threadIdx.x; r < PART; r += 4 * LANES) {
      int p = partIndex * PART + r;
      places[r] = seen(p) ? cache.key(p) : nullptr;
    }
    __syncthreads();
  }

  __device__ __forceinline__ void fetch_values(const TensorCache& cache) const {
#pragma unroll 8
    for (int i = 0; i < PART * L::CHUNKS / (4 * LANES); i++) {
      int c = threadIdx.x + i * 4 * LANES, r = c / L::CHUNKS, chunk = c % L::CHUNKS;
      const unsigned char* key = places[r];
      bool real = key && 8 * chunk < a.headDim;
      copy_async_or_zero(values + L::value(r, chunk), real ? key + cache.valueOffset + chunk * 16 : cache.base, real);
    }
    commit_copies();
  }

  // A warp scores its tile, half of it at a time, all keys of a half in flight together.
  __device__ __forceinline__ void score(const Queries<W>& queries, Scores& scores, int begin) const {
    int lane = threadIdx.x % LANES;
    scores.clear();
#pragma unroll
    for (int half = 0; half < 2; half++) {
      uint4 keys[4][L::GROUPS];
#pragma unroll
      for (int n = 0; n < 4; n++) {
        const unsigned char* key = places[begin % PART + 32 * half + 8 * n + lane / 4];
#pragma unroll
        for (int j = 0; j < L::GROUPS; j++) {
          int chunk = 4 * j + lane % 4;
          keys[n][j] = key && 8 * chunk < a.headDim ? load_once((const uint4*)key + chunk) : make_uint4(0, 0, 0, 0);
        }
      }
#pragma unroll
      for (int j = 0; j < L::GROUPS; j++) queries.score_four(scores, 4 * half, j, [&](int m) { return keys[m % 4][j]; });
    }
  }

  // The 16 heads from `head` of the group on.
  __device__ __forceinline__ void attend(int head) {
    int warp = threadIdx.x / LANES, lane = threadIdx.x % LANES, g = lane / 4, t = lane % 4;
    int begin = partIndex * PART + warp * KEYS;
    bool sees = begin <= position && begin + KEYS > firstSeen;
    Scores scores;
    if (sees) {
      const float* rows[2];
#pragma unroll
      for (int i = 0; i < 2; i++) {
        int h = head + g + 8 * i;
        rows[i] = h < group ? a.qkv + (int64_t)row * a.stride + (kvHead * group + h) * a.headDim : nullptr;
      }
      Queries<W> queries;
      queries.load(rows, a.headDim);
      score(queries, scores, begin);
      int first[2] = {firstSeen, firstSeen}, last[2] = {position, position};
      if (begin + KEYS - 1 > position || begin < firstSeen) scores.mask(begin, first, last);
      float largest[2];
      scores.largest(largest);
      if (t == 0)
#pragma unroll
        for (int i = 0; i < 2; i++) maxima[warp * 16 + g + 8 * i] = largest[i];
    } else if (t == 0) {
#pragma unroll
      for (int i = 0; i < 2; i++) maxima[warp * 16 + g + 8 * i] = NOTHING_SEEN;
    }
    __syncthreads();
    float largest[2] = {NOTHING_SEEN, NOTHING_SEEN}, own[2], kept[4][2];
#pragma unroll
    for (int k = 0; k < 4; k++)
#pragma unroll
      for (int i = 0; i < 2; i++) {
        float next = fmaxf(largest[i], maxima[k * 16 + g + 8 * i]);
        kept[k][i] = decay(largest[i], next, scale);
        largest[i] = next;
        if (k == warp) own[i] = next;
      }
    if (sees) {
      uint32_t p[4][4];
      float sums[2];
      scores.weigh(own, scale, p, sums);
#pragma unroll
      for (int j = 0; j < 4; j++) weights[(warp * 4 + j) * LANES + lane] = make_uint4(p[j][0], p[j][1], p[j][2], p[j][3]);
#pragma unroll
      for (int i = 0; i < 2; i++) laneSums[(warp * 2 + i) * LANES + lane] = sums[i];
    }
    wait_for_copies<0>();
    __syncthreads();
    if (warp < L::GROUPS) sum_values(head, largest, kept);
    __syncthreads();
  }

  __device__ __forceinline__ void sum_values(int head, const float (&largest)[2], const float (&kept)[4][2]) {
    int warp = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    State<SLICE> part;
    part.clear();
#pragma unroll
    for (int k = 0; k < 4; k++) {
      int begin = partIndex * PART + k * KEYS;
      if (begin > position || begin + KEYS <= firstSeen) continue;
      uint32_t p[4][4];
#pragma unroll
      for (int j = 0; j < 4; j++) {
        uint4 w = weights[(k * 4 + j) * LANES + lane];
        p[j][0] = w.x, p[j][1] = w.y, p[j][2] = w.z, p[j][3] = w.w;
      }
#pragma unroll
      for (int i = 0; i < 2; i++) part.sum[i] = __fmaf_rn(part.sum[i], kept[k][i], laneSums[(k * 2 + i) * LANES + lane]);
#pragma unroll
      for (int n = 0; n < SLICE; n++)
#pragma unroll
        for (int i = 0; i < 4; i++) part.o[n][i] = __fmul_rn(part.o[n][i], kept[k][i / 2]);
      add_values<W>(part.o, p, values + k * KEYS * L::PITCH, warp * SLICE);
    }
#pragma unroll
    for (int i = 0; i < 2; i++) part.largest[i] = largest[i];
    store(part, head);
  }

  __device__ __forceinline__ float* partial(int ofItem, int head) const {
    return a.partials + ((int64_t)ofItem * a.heads + head) * (a.headDim + 4);
  }

  // The only part of a sequence is its result; others are left for the merge.
  __device__ __forceinline__ void store(const State<SLICE>& part, int head) const {
    int warp = threadIdx.x / LANES, lane = threadIdx.x % LANES, t = lane % 4;
#pragma unroll
    for (int i = 0; i < 2; i++) {
      float sum = quad_sum(part.sum[i]);
      int h = head + lane / 4 + 8 * i;
      if (h >= group) continue;
      h += kvHead * group;
      if (parts > 1) {
        float* to = partial(item, h);
        if (t == 0 && warp == 0) {
          to[0] = part.largest[i];
          to[1] = sum;
        }
#pragma unroll
        for (int n = 0; n < SLICE; n++) {
          int d = 8 * (warp * SLICE + n) + 2 * t;
          if (d < a.headDim) *(float2*)(to + 4 + d) = make_float2(part.o[n][2 * i], part.o[n][2 * i + 1]);
        }
      } else {
        Merge merge(NOTHING_SEEN, part.largest[i], scale);
        float share = __fdiv_rn(1.0f, merge.merged(0.0f, sum));
#pragma unroll
        for (int n = 0; n < SLICE; n++) {
          int d = 8 * (warp * SLICE + n) + 2 * t;
          if (d < a.headDim)
            store_pair(a, row, h * a.headDim + d, __fmul_rn(merge.merged(0.0f, part.o[n][2 * i]), share),
                       __fmul_rn(merge.merged(0.0f, part.o[n][2 * i + 1]), share));
        }
      }
    }
  }

  __device__ __forceinline__ void merge_parts() const {
    __shared__ int arrived;
    __threadfence();
    __syncthreads();
    int at = sequence * a.kvHeads + kvHead;
    if (threadIdx.x == 0) arrived = atomicAdd(a.arrivals + at, 1);
    __syncthreads();
    if (arrived != parts - 1) return;
    __threadfence();
    if (threadIdx.x == 0) a.arrivals[at] = 0;
    int pairs = a.headDim / 2, firstItem = item - (partIndex - firstPart);
    for (int w = threadIdx.x; w < group * pairs; w += 4 * LANES) {
      int h = kvHead * group + w / pairs, d = w % pairs * 2;
      float largest = NOTHING_SEEN, sum = 0.0f, x = 0.0f, y = 0.0f;
#pragma unroll 4
      for (int p = 0; p < parts; p++) {
        const float* from = partial(firstItem + p, h);
        float2 head = load_fresh((const float2*)from), v = load_fresh((const float2*)(from + 4 + d));
        Merge merge(largest, head.x, scale);
        sum = merge.merged(sum, head.y);
        x = merge.merged(x, v.x);
        y = merge.merged(y, v.y);
        largest = merge.largest;
      }
      float share = __fdiv_rn(1.0f, sum);
      store_pair(a, row, h * a.headDim + d, __fmul_rn(x, share), __fmul_rn(y, share));
    }
  }

  // What no kernel of a step writes is read before those before it have ended: the step itself, and the values of all parts but the
  // one that the step's own position is in.
  __device__ __forceinline__ void run() {
    let_later_begin();
    int work = a.step->parts * a.kvHeads;
    for (int w = blockIdx.x; w < work; w += gridDim.x) {
      if (!take(w)) continue;
      TensorCache cache(a, sequence, kvHead);
      find_places(cache);
      if (partIndex == position / PART) wait_for_earlier();
      fetch_values(cache);
      wait_for_earlier();
      for (int head = 0; head < group; head += 16) {
        if (head > 0) find_places(cache);
        attend(head);
      }
      if (parts > 1) merge_parts();
      if (kvHead == 0 && partIndex == firstPart) pad_operand(a, row, 4 * LANES);
    }
    wait_for_earlier();
  }
};

// Caches of any type and heads of any size: a block for each row and head, plain arithmetic. Scores of up to 256 positions at a
// time, a warp for each position; then a thread for each dimension.
struct SimtF32 {
  static constexpr int BYTES = 4, ELEMENTS = 1;
  static __device__ __forceinline__ float element(const unsigned char* row, int i) { return ((const float*)row)[i]; }
};
struct SimtF16 {
  static constexpr int BYTES = 2, ELEMENTS = 1;
  static __device__ __forceinline__ float element(const unsigned char* row, int i) { return half_value(((const uint16_t*)row)[i]); }
};
struct SimtBf16 {
  static constexpr int BYTES = 2, ELEMENTS = 1;
  static __device__ __forceinline__ float element(const unsigned char* row, int i) { return bf16_value(((const uint16_t*)row)[i]); }
};
struct SimtQ8 {
  static constexpr int BYTES = 34, ELEMENTS = 32;
  static __device__ __forceinline__ float element(const unsigned char* row, int i) {
    const unsigned char* block = row + i / 32 * 34;
    return __fmul_rn(half_value(*(const uint16_t*)block), (float)(int8_t)block[2 + i % 32]);
  }
};

template <class Type> struct Simt {
  static constexpr int THREADS = 128, MOST_DIMENSIONS = 1024;

  static __device__ __forceinline__ void run(const Attention& a) {
    __shared__ float query[MOST_DIMENSIONS], weights[PART], room[2];
    let_later_begin();
    wait_for_earlier();
    int row = blockIdx.x, head = blockIdx.y;
    const Step* step = a.step;
    if (row >= step->rows || head >= a.heads) return;
    int warp = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    int position = array<int32_t>(step, step->positions)[row];
    Cache<Type::ELEMENTS, Type::BYTES> cache(a, array<int32_t>(step, step->sequenceOf)[row], head / (a.heads / a.kvHeads));
    const float* q = a.qkv + (int64_t)row * a.stride + head * a.headDim;
    for (int d = threadIdx.x; d < a.headDim; d += THREADS) query[d] = q[d];
    __syncthreads();
    float scale = exponent_scale(a), largest = NOTHING_SEEN, sum = 0.0f;
    float o[MOST_DIMENSIONS / THREADS] = {};
    int first = max(position - a.window, -1) + 1;
    for (int part = first / PART; part <= position / PART; part++) {
      int begin = max(part * PART, first), end = min(part * PART + PART, position + 1);
      for (int p = begin + warp; p < end; p += THREADS / LANES) {
        const unsigned char* key = cache.key(p);
        float score = 0.0f;
        for (int d = lane; d < a.headDim; d += LANES) score = __fmaf_rn(query[d], Type::element(key, d), score);
        score = warp_sum(score);
        if (lane == 0) weights[p - begin] = score;
      }
      __syncthreads();
      if (warp == 0) {
        float most = largest, weight = 0.0f;
        for (int i = lane; i < end - begin; i += LANES) most = fmaxf(most, weights[i]);
        most = warp_max(most);
        for (int i = lane; i < end - begin; i += LANES) {
          weights[i] = exp2f(__fmaf_rn(weights[i], scale, -largest_exponent(most, scale)));
          weight = __fadd_rn(weight, weights[i]);
        }
        weight = warp_sum(weight);
        if (lane == 0) {
          room[0] = most;
          room[1] = weight;
        }
      }
      __syncthreads();
      float kept = exp2f(__fsub_rn(__fmul_rn(largest, scale), largest_exponent(room[0], scale)));
      largest = room[0];
      sum = __fmaf_rn(sum, kept, room[1]);
#pragma unroll
      for (int i = 0; i < MOST_DIMENSIONS / THREADS; i++) o[i] = __fmul_rn(o[i], kept);
      for (int p = begin; p < end; p++) {
        const unsigned char* value = cache.key(p) + cache.valueOffset;
        float weight = weights[p - begin];
#pragma unroll
        for (int i = 0; i < MOST_DIMENSIONS / THREADS; i++)
          if ((int)threadIdx.x + i * THREADS < a.headDim) o[i] = __fmaf_rn(weight, Type::element(value, threadIdx.x + i * THREADS), o[i]);
      }
      __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < MOST_DIMENSIONS / THREADS; i++) {
      int d = threadIdx.x + i * THREADS, column = head * a.headDim + d;
      if (d >= a.headDim) break;
      float x = __fdiv_rn(o[i], sum);
      if (a.outOperand)
        ((uint16_t*)a.out)[operand_chunk(a.outStride, row, column) + column % 8] = bf16_of(x);
      else
        ((float*)a.out)[(int64_t)row * a.outStride + column] = x;
    }
    if (head == 0) pad_operand(a, row, THREADS);
  }
};

} // namespace serval

#define ATTENTION(w)                                                                      \
  KERNEL(attention_decode_##w, Attention, 128, 3, (serval::Decode<w>::SHARED)) {          \
    serval::Decode<w> decode(a);                                                          \
    decode.run();                                                                         \
  }                                                                                       \
  KERNEL(attention_prefill_##w, Attention, 256, 1, (serval::Prefill<w>::SHARED)) {        \
    serval::Prefill<w> prefill(a);                                                        \
    prefill.run();                                                                        \
  }
ATTENTION(64)
ATTENTION(96)
ATTENTION(128)

KERNEL(attention_simt_f32, Attention, 128, 1, 0) { serval::Simt<serval::SimtF32>::run(a); }
KERNEL(attention_simt_f16, Attention, 128, 1, 0) { serval::Simt<serval::SimtF16>::run(a); }
KERNEL(attention_simt_bf16, Attention, 128, 1, 0) { serval::Simt<serval::SimtBf16>::run(a); }
KERNEL(attention_simt_q8_0, Attention, 128, 1, 0) { serval::Simt<serval::SimtQ8>::run(a); }
