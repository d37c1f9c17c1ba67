// Linear maps on sm_90a. A block is a warp that fetches and one or two warpgroups that multiply. Tiles of k go round in a ring of
// stages in shared memory: `full` barriers count the bytes that have come, `empty` ones the warps that are done with a stage.
//
// Work comes in items: one or two row tiles of the weight, N tokens, and one segment of k or all of them. Blocks take items in
// turns, so a grid of any size is right; blocks are numbered x first, then y, then z. The warp that fetches runs ahead over the
// ends of items, and it fetches the first item's weights before earlier kernels have ended, since no kernel writes weights.
//
// For few tokens memory is what counts: it must never be idle. Two blocks share a multiprocessor, so that one fetches and multiplies
// while the other gathers or stores, and the next kernel is let in when a block has but few tiles of k left to multiply: its blocks
// take the places of those that end, and what they fetch early comes while the last of this kernel end.
#include "hopper.cuh"
#include "weights.cuh"

#include <type_traits>

namespace serval {

constexpr int WARPGROUP = 128;
constexpr int CONSUMER_BARRIER = 1;
// Token tiles that neighbouring blocks share a weight's rows over, where segments are summed one after the other.
constexpr int TOKENS_TOGETHER = 8;
// With so many bytes to multiply before its end, or stages, a block lets the next kernel begin.
constexpr int LAST_BYTES = 216 * 1024;
constexpr int LAST_STAGES = 8;

// Weights that tensor cores take from shared memory as they are, and those that go through registers.
struct Bf16Weights {
  static constexpr int BYTES = Bf16Tile::BYTES;
  static constexpr bool AS_THEY_ARE = true;
};
template <class FewTokens, class ManyTokens> struct UnpackedWeights {
  template <int N> using Tile = std::conditional_t<(N < 128), FewTokens, ManyTokens>;
  static constexpr int BYTES = ManyTokens::BYTES;
  static constexpr bool AS_THEY_ARE = false;
};
using Q8Weights = UnpackedWeights<Q8Tile, Q8Tile>;
using Q4Weights = UnpackedWeights<Q4TileOfPairs, Q4Tile>;
using Mxfp4Weights = UnpackedWeights<Mxfp4Tile, Mxfp4Tile>;

template <class Weights_, int N_, bool GATED_> struct Plan {
  using Weights = Weights_;
  static constexpr int N = N_;
  static constexpr bool GATED = GATED_;
  static constexpr int TILES = GATED || N >= 64 || !Weights::AS_THEY_ARE ? 2 : 1; // row tiles of an item, a warpgroup for each
  static constexpr int CONSUMERS = TILES * WARPGROUP;
  static constexpr bool MANY_SUMS = N >= 128;              // more than an even share of registers can hold
  static constexpr int THREADS = CONSUMERS + (MANY_SUMS ? WARPGROUP : LANES);
  static constexpr int BLOCKS = N <= 32 ? 2 : 1;           // that fit a multiprocessor
  static constexpr int SUMS = N / 2;             // of a thread
  static constexpr int TOKEN_BYTES = N * 128;
  static constexpr int WEIGHT_BYTES = TILES * Weights::BYTES;
  static constexpr int EXCHANGE_BYTES = GATED ? N * 256 : 0;
  static constexpr int MOST_STAGES = 32;
  static constexpr int REST_BYTES = EXCHANGE_BYTES + MOST_STAGES * 16 + 16;
  static constexpr int FITTING = ((BLOCKS == 2 ? 112 : 227) * 1024 - REST_BYTES) / (TOKEN_BYTES + WEIGHT_BYTES);
  static constexpr int STAGES = FITTING < MOST_STAGES ? FITTING : MOST_STAGES;
  static constexpr int LAST = BLOCKS == 2 ? LAST_BYTES / (TOKEN_BYTES + WEIGHT_BYTES) : LAST_STAGES; // stages before its end
  static constexpr int SHARED = STAGES * (TOKEN_BYTES + WEIGHT_BYTES) + REST_BYTES;
};

// Shared memory of a block.
template <class P> struct Ring {
  unsigned char* base;
  __device__ __forceinline__ Ring() : base(shared_memory()) {}
  __device__ __forceinline__ unsigned char* tokens(int stage) const { return base + stage * P::TOKEN_BYTES; }
  __device__ __forceinline__ unsigned char* weights(int stage, int tile) const {
    return base + P::STAGES * P::TOKEN_BYTES + stage * P::WEIGHT_BYTES + tile * P::Weights::BYTES;
  }
  __device__ __forceinline__ unsigned char* rest() const { return base + P::STAGES * (P::TOKEN_BYTES + P::WEIGHT_BYTES); }
  __device__ __forceinline__ float4* exchange() const { return (float4*)rest(); }
  __device__ __forceinline__ Barrier* full(int stage) const { return (Barrier*)(rest() + P::EXCHANGE_BYTES) + stage; }
  __device__ __forceinline__ Barrier* empty(int stage) const { return full(P::MOST_STAGES) + stage; }
  __device__ __forceinline__ int* arrived() const { return (int*)full(2 * P::MOST_STAGES); }
};

// Where a warp is in the ring.
template <class P> struct Turn {
  int stage = 0, parity = 0;
  __device__ __forceinline__ void next() {
    if (++stage == P::STAGES) {
      stage = 0;
      parity ^= 1;
    }
  }
};

struct Item {
  int group;     // of row tiles
  int tokenTile;
  int first, last; // segments
};

// A launch's work, as every block numbers it.
template <class P> struct Work {
  const Linear& a;
  bool apart;
  int groups, rowTiles, block, blocks;
  int rows, tokenTiles, items;

  __device__ __forceinline__ Work(const Linear& a) : a(a) {
    apart = P::N < 128 ? a.segments > 1 : gridDim.z > 1;
    rowTiles = tiles_of(a.weightRows);
    groups = (rowTiles + P::TILES - 1) / P::TILES;
    block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    blocks = gridDim.x * gridDim.y * gridDim.z;
    rows = tokenTiles = items = 0;
  }

  // After earlier kernels have ended.
  __device__ __forceinline__ void count() {
    rows = a.ofLogits ? a.step->logitRows : a.step->rows;
    tokenTiles = (rows + P::N - 1) / P::N;
    items = tokenTiles * groups * parts();
  }

  __device__ __forceinline__ int segment_begin(int s) const { return s * tiles_of(a.columns) / a.segments; }

  __device__ __forceinline__ int parts() const { return apart ? a.segments : 1; }

  // Those of the first token tile come first, so they are known before the rows are.
  __device__ __forceinline__ bool known_early(int i) const { return (P::N < 128 || apart) && i < groups * parts(); }

  __device__ __forceinline__ Item item(int i) const {
    if (P::N < 128 || apart) {
      int s = i % parts(), rest = i / parts();
      return {rest % groups, rest / groups, s, apart ? s + 1 : a.segments};
    }
    int together = i / (TOKENS_TOGETHER * groups), within = i % (TOKENS_TOGETHER * groups);
    int tokens = min(TOKENS_TOGETHER, tokenTiles - together * TOKENS_TOGETHER);
    return {within / tokens, together * TOKENS_TOGETHER + within % tokens, 0, a.segments};
  }

  // A row tile of an item's group; gated: the gate's, then that of up.
  __device__ __forceinline__ int row_tile(int group, int tile) const { return P::GATED ? group + tile * groups : group * P::TILES + tile; }
  __device__ __forceinline__ bool has_tile(int group, int tile) const { return P::GATED || row_tile(group, tile) < rowTiles; }
};

// The warp that fetches: one of its threads.
template <class P> struct Producer {
  Work<P>& work;
  const Linear& a;
  Ring<P> ring;
  Turn<P> turn;
  uint64_t weightPolicy, tokenPolicy;

  __device__ __forceinline__ Producer(Work<P>& work) : work(work), a(work.a) {
    tokenPolicy = read_again_policy();
    weightPolicy = P::N < 128 ? read_once_policy() : tokenPolicy;
  }

  __device__ __forceinline__ uint32_t weight_bytes(int group) const {
    return P::TILES == 2 && !work.has_tile(group, 1) ? P::Weights::BYTES : P::WEIGHT_BYTES;
  }

  __device__ __forceinline__ void fetch_weights(int group, int k, int stage) const {
#pragma unroll
    for (int t = 0; t < P::TILES; t++) {
      if (t == 0 || work.has_tile(group, t))
        copy_tile(ring.weights(stage, t), weight(group, t, k), P::Weights::BYTES, ring.full(stage), weightPolicy);
    }
  }

  __device__ __forceinline__ const unsigned char* weight(int group, int tile, int k) const {
    return (const unsigned char*)a.weight + ((int64_t)work.row_tile(group, tile) * a.weightStride + k) * P::Weights::BYTES;
  }

  __device__ __forceinline__ void fetch_tokens(int tokenTile, int k, int stage) const {
    copy_tile(ring.tokens(stage), (const unsigned char*)a.in + ((int64_t)k * a.inStride + tokenTile * P::N) * (TILE * 2), P::TOKEN_BYTES,
              ring.full(stage), tokenPolicy);
  }

  // The weights of the block's first item, as far as the ring goes: how many stages.
  __device__ __forceinline__ int fetch_early() const {
    if (!work.known_early(work.block)) return 0;
    Item item = work.item(work.block);
    int begin = work.segment_begin(item.first), end = work.segment_begin(item.last);
    int count = min(P::STAGES, end - begin);
    for (int i = 0; i < count; i++) {
      expect(ring.full(i), weight_bytes(item.group));
      fetch_weights(item.group, begin + i, i);
    }
    return count;
  }

  // Shared memory must not be left while copies are on their way to it.
  __device__ __forceinline__ void await_early(int early) const {
    for (int i = 0; i < early; i++) arrive(ring.full(i));
    for (int i = 0; i < early; i++) await(ring.full(i), 0);
  }

  __device__ __forceinline__ void run() {
    int early = fetch_early();
    wait_for_earlier();
    work.count();
    if (work.block >= work.items) return await_early(early);
    for (int i = work.block; i < work.items; i += work.blocks) {
      Item item = work.item(i);
      int end = work.segment_begin(item.last);
      for (int k = work.segment_begin(item.first); k < end; k++, turn.next(), early--) {
        if (early > 0) {
          arrive_expecting(ring.full(turn.stage), P::TOKEN_BYTES);
        } else {
          await(ring.empty(turn.stage), turn.parity ^ 1);
          arrive_expecting(ring.full(turn.stage), weight_bytes(item.group) + P::TOKEN_BYTES);
          fetch_weights(item.group, k, turn.stage);
        }
        fetch_tokens(item.tokenTile, k, turn.stage);
      }
    }
  }
};

// A warpgroup that multiplies: the rows of one tile of each item.
template <class P> struct Consumer {
  Work<P>& work;
  const Linear& a;
  Ring<P> ring;
  Turn<P> turn;
  int tile, thread, warp, g, t;
  int tilesLeft; // of k, for this block
  float sums[P::SUMS];

  __device__ __forceinline__ Consumer(Work<P>& work) : work(work), a(work.a) {
    tile = threadIdx.x / WARPGROUP;
    thread = threadIdx.x % WARPGROUP;
    warp = thread / LANES;
    g = threadIdx.x % LANES / 4;
    t = threadIdx.x % 4;
  }

  __device__ __forceinline__ void release(int stage) const {
    if (threadIdx.x % LANES == 0) arrive(ring.empty(stage));
  }

  // The sums of k tiles [begin, end).
  __device__ __forceinline__ void multiply_segment(float (&part)[P::SUMS], int begin, int end) {
#pragma unroll
    for (int i = 0; i < P::SUMS; i++) part[i] = 0.0f;
    int before = -1;
    if constexpr (P::Weights::AS_THEY_ARE) {
#pragma unroll 1
      for (int k = begin; k < end; k++) {
        await(ring.full(turn.stage), turn.parity);
        begin_products();
#pragma unroll
        for (int i = 0; i < 4; i++) multiply_tiles(part, ring.weights(turn.stage, tile) + 32 * i, ring.tokens(turn.stage) + 32 * i);
        before = end_tile(before);
      }
    } else {
      // While the products of one tile are under way, the next is unpacked to other registers.
      uint32_t even[2][2][4], odd[2][2][4];
#pragma unroll 1
      for (int k = begin; k < end; k += 2) {
        unpack(even);
        before = multiply_unpacked(part, even, before);
        if (k + 1 == end) break;
        unpack(odd);
        before = multiply_unpacked(part, odd, before);
      }
    }
    await_products(part);
    release(before);
  }

  // Lets go of the stage before this one, whose products are done by now.
  __device__ __forceinline__ int end_tile(int before) {
    if (--tilesLeft == P::LAST) let_later_begin();
    commit_products();
    await_products_before();
    if (before >= 0) release(before);
    before = turn.stage;
    turn.next();
    return before;
  }

  // Of two halves of a tile, each the fragments of two times 16 k.
  __device__ __forceinline__ void unpack(uint32_t (&a)[2][2][4]) const {
    await(ring.full(turn.stage), turn.parity);
    const unsigned char* packed = ring.weights(turn.stage, tile);
    typename P::Weights::template Tile<P::N> unpacked;
    unpacked.scales(packed, warp * 16);
    unpacked.fragments(a[0], packed, warp * 16, 0);
    unpacked.fragments(a[1], packed, warp * 16, 1);
  }

  __device__ __forceinline__ int multiply_unpacked(float (&part)[P::SUMS], const uint32_t (&a)[2][2][4], int before) {
    begin_products();
#pragma unroll
    for (int i = 0; i < 4; i++) multiply_tiles(part, a[i / 2][i % 2], ring.tokens(turn.stage) + 32 * i);
    return end_tile(before);
  }

  __device__ __forceinline__ void multiply_item(const Item& item) {
    if constexpr (P::N < 128) return multiply_segment(sums, work.segment_begin(item.first), work.segment_begin(item.last));
#pragma unroll 1
    for (int s = item.first; s < item.last; s++) {
      float part[P::SUMS];
      multiply_segment(part, work.segment_begin(s), work.segment_begin(s + 1));
#pragma unroll
      for (int i = 0; i < P::SUMS; i++) sums[i] = s == item.first ? part[i] : __fadd_rn(sums[i], part[i]);
    }
  }

  __device__ __forceinline__ float4* partials(const Item& item, int s) const {
    int64_t at = (int64_t)item.tokenTile * work.rowTiles + work.row_tile(item.group, tile);
    return (float4*)a.partials + (at * a.segments + s) * (P::SUMS / 4 * WARPGROUP) + thread;
  }

  // Leaves a segment's sums in memory. True for the last block of an item's tiles to come here, with all segments' sums added.
  __device__ __forceinline__ bool gather_segments(const Item& item) {
    bool real = work.has_tile(item.group, tile);
    float4* own = partials(item, item.first);
    if (real)
#pragma unroll
      for (int j = 0; j < P::SUMS / 4; j++) own[j * WARPGROUP] = make_float4(sums[4 * j], sums[4 * j + 1], sums[4 * j + 2], sums[4 * j + 3]);
    group_barrier(CONSUMER_BARRIER, P::CONSUMERS);
    int* arrivals = a.arrivals + item.tokenTile * work.groups + item.group;
    if (threadIdx.x == 0) {
      __threadfence(); // also of what the others wrote before the barrier
      *ring.arrived() = atomicAdd(arrivals, 1);
      __threadfence();
    }
    group_barrier(CONSUMER_BARRIER, P::CONSUMERS);
    if (*ring.arrived() != a.segments - 1) return false;
    if (threadIdx.x == 0) *arrivals = 0;
    if (real)
#pragma unroll
      for (int j = 0; j < P::SUMS / 4; j += TOGETHER) add_segments(item, j);
    return true;
  }

  // Of some of the thread's sums, all segments; several at a time are on their way.
  static constexpr int TOGETHER = P::N == 8 ? 1 : P::N <= 32 ? 2 : 4;
  __device__ __forceinline__ void add_segments(const Item& item, int first) {
    in_order();
    const float4* from = partials(item, 0) + first * WARPGROUP;
    for (int s = 0; s < a.segments; s += 4) {
      float4 y[4][TOGETHER];
#pragma unroll
      for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < TOGETHER; j++)
          if (s + i < a.segments) y[i][j] = load_fresh(from + ((s + i) * (P::SUMS / 4) + j) * WARPGROUP);
#pragma unroll
      for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < TOGETHER; j++) {
          if (s + i >= a.segments) break;
          float* sum = sums + 4 * (first + j);
          sum[0] = s + i == 0 ? y[i][j].x : __fadd_rn(sum[0], y[i][j].x);
          sum[1] = s + i == 0 ? y[i][j].y : __fadd_rn(sum[1], y[i][j].y);
          sum[2] = s + i == 0 ? y[i][j].z : __fadd_rn(sum[2], y[i][j].z);
          sum[3] = s + i == 0 ? y[i][j].w : __fadd_rn(sum[3], y[i][j].w);
        }
    }
  }

  // The bias of the warp's rows g and g + 8.
  __device__ __forceinline__ void add_bias(int rowTile) {
    if (!a.bias) return;
    int row = rowTile * TILE + warp * 16 + g;
    float low = row < a.weightRows ? a.bias[row] : 0.0f, high = row + 8 < a.weightRows ? a.bias[row + 8] : 0.0f;
#pragma unroll
    for (int i = 0; i < P::SUMS; i++) sums[i] = __fadd_rn(sums[i], i % 4 < 2 ? low : high);
  }

  // F32 rows. A few tokens at a time, so that what is there is read before more is written.
  __device__ __forceinline__ void store_rows(const Item& item, int rowTile) const {
    constexpr int AT_ONCE = P::SUMS < 16 ? P::SUMS : 16;
    int row = rowTile * TILE + warp * 16 + g, token = item.tokenTile * P::N + 2 * t;
    float* out = (float*)a.out + (int64_t)token * a.outStride + a.outColumn + row;
#pragma unroll
    for (int i = 0; i < P::SUMS; i += AT_ONCE) {
      float* to[AT_ONCE];
      bool real[AT_ONCE];
      float there[AT_ONCE];
#pragma unroll
      for (int j = 0; j < AT_ONCE; j++) {
        int r = (i + j) / 4 * 8 + j % 2, c = j % 4 / 2 * 8;
        to[j] = out + (int64_t)r * a.outStride + c;
        real[j] = token + r < work.rows && row + c < a.weightRows;
        there[j] = a.add && real[j] ? *to[j] : 0.0f;
      }
#pragma unroll
      for (int j = 0; j < AT_ONCE; j++)
        if (real[j]) *to[j] = a.add ? __fadd_rn(there[j], sums[i + j]) : sums[i + j];
    }
  }

  // Gates an item's tokens: one warpgroup has the gates, the other what they let through; each takes half of the tokens, eight
  // at a time, and the products leave as a piece of the operand's k tile.
  __device__ __forceinline__ void store_gated(const Item& item) {
    constexpr int EIGHTS = P::N / 8, HALF = (EIGHTS + 1) / 2;
    float4* exchange = ring.exchange();
#pragma unroll
    for (int j = 0; j < EIGHTS; j++)
      if ((j < HALF) != (tile == 0)) exchange[j * WARPGROUP + thread] = make_float4(sums[4 * j], sums[4 * j + 1], sums[4 * j + 2], sums[4 * j + 3]);
    group_barrier(CONSUMER_BARRIER, P::CONSUMERS);
#pragma unroll
    for (int j = 0; j < EIGHTS; j++) {
      if ((j < HALF) != (tile == 0)) continue;
      float4 other = exchange[j * WARPGROUP + thread];
      sums[4 * j] = gated(sums[4 * j], other.x);
      sums[4 * j + 1] = gated(sums[4 * j + 1], other.y);
      sums[4 * j + 2] = gated(sums[4 * j + 2], other.z);
      sums[4 * j + 3] = gated(sums[4 * j + 3], other.w);
    }
    group_barrier(CONSUMER_BARRIER, P::CONSUMERS);
    uint16_t* piece = (uint16_t*)exchange;
#pragma unroll
    for (int i = 0; i < P::SUMS; i++) {
      if ((i / 4 < HALF) != (tile == 0)) continue;
      int r = i / 4 * 8 + 2 * t + i % 2, row = warp * 16 + g + i % 4 / 2 * 8;
      piece[r * TILE + (((row / 8) ^ (r & 7)) * 8) + row % 8] = bf16_of(sums[i]);
    }
    group_barrier(CONSUMER_BARRIER, P::CONSUMERS);
    uint4* to = (uint4*)a.out + ((int64_t)item.group * a.outStride + item.tokenTile * P::N) * (TILE / 8);
    for (int c = threadIdx.x; c < P::N * 8; c += P::CONSUMERS)
      if (item.tokenTile * P::N + c / 8 < work.rows) to[c] = ((const uint4*)piece)[c];
    group_barrier(CONSUMER_BARRIER, P::CONSUMERS);
  }

  __device__ __forceinline__ float gated(float own, float other) const {
    return Silu::gated(tile == 0 ? own : other, tile == 0 ? other : own);
  }

  __device__ __forceinline__ void count_tiles() {
    tilesLeft = 0;
    for (int i = work.block; i < work.items; i += work.blocks) {
      Item item = work.item(i);
      tilesLeft += work.segment_begin(item.last) - work.segment_begin(item.first);
    }
    if (tilesLeft <= P::LAST) let_later_begin();
  }

  __device__ __forceinline__ void run() {
    wait_for_earlier();
    work.count();
    count_tiles();
    for (int i = work.block; i < work.items; i += work.blocks) {
      Item item = work.item(i);
      multiply_item(item);
      if (work.apart && !gather_segments(item)) continue;
      int rowTile = work.row_tile(item.group, tile);
      add_bias(rowTile);
      if constexpr (P::GATED)
        store_gated(item);
      else if (work.has_tile(item.group, tile))
        store_rows(item, rowTile);
    }
  }
};

template <class P> __device__ __forceinline__ void hopper_linear(const Linear& a) {
  Work<P> work(a);
  Ring<P> ring;
  bool fetches = threadIdx.x >= P::CONSUMERS;
  if (threadIdx.x == P::CONSUMERS) {
    for (int i = 0; i < P::STAGES; i++) {
      barrier_begin(ring.full(i), 1);
      barrier_begin(ring.empty(i), P::CONSUMERS / LANES);
    }
    barriers_begun();
  }
  __syncthreads();
  if (!fetches) {
    if constexpr (P::MANY_SUMS) take_registers<232>();
    Consumer<P>(work).run();
  } else {
    if constexpr (P::MANY_SUMS) give_registers<40>();
    if (threadIdx.x == P::CONSUMERS) Producer<P>(work).run();
  }
}

} // namespace serval

#define WGMMA_LINEAR(type, Weights, gated, GATED, n)                                                      \
  KERNEL(wgmma_linear_##type##gated##_n##n, Linear, (serval::Plan<serval::Weights, n, GATED>::THREADS),   \
         (serval::Plan<serval::Weights, n, GATED>::BLOCKS), (serval::Plan<serval::Weights, n, GATED>::SHARED)) { \
    serval::hopper_linear<serval::Plan<serval::Weights, n, GATED>>(a);                                    \
  }
#define WGMMA_LINEAR_ALL(type, Weights, gated, GATED) \
  WGMMA_LINEAR(type, Weights, gated, GATED, 8)        \
  WGMMA_LINEAR(type, Weights, gated, GATED, 16)       \
  WGMMA_LINEAR(type, Weights, gated, GATED, 32)       \
  WGMMA_LINEAR(type, Weights, gated, GATED, 64)       \
  WGMMA_LINEAR(type, Weights, gated, GATED, 128)
WGMMA_LINEAR_ALL(bf16, Bf16Weights, , false)
WGMMA_LINEAR_ALL(bf16, Bf16Weights, _gated, true)
WGMMA_LINEAR_ALL(q8_0, Q8Weights, , false)
WGMMA_LINEAR_ALL(q8_0, Q8Weights, _gated, true)
WGMMA_LINEAR_ALL(q4_0, Q4Weights, , false)
WGMMA_LINEAR_ALL(q4_0, Q4Weights, _gated, true)
WGMMA_LINEAR_ALL(mxfp4, Mxfp4Weights, , false)
WGMMA_LINEAR_ALL(mxfp4, Mxfp4Weights, _gated, true)
