// Attention on sm_90a.
//
// Decode where there is much of it. A warp for each item: a part of a sequence, a key head and up to 16 of its
// heads. What a warp will read flows through a ring of its own, 16 positions of keys or values a stage: of each tile first the keys,
// then the values, and on into its next item. So memory is never idle while a warp works, and no warp waits for another.
//
// A block has a range of items, best sequences' parts one after the other so that short parts are spread evenly, which its warps
// share out as they go. What is to be known of items is gathered at the start by all threads together: later, each such read would
// wait behind what others have asked for.
//
// Warps go their own ways, so instructions are what is short: loops are rolled as far as arrays in registers allow, registers move
// on in place of indices, and there is one copy of everything.
#include "attention_prefill.cuh"
#include "hopper.cuh"

namespace serval {

constexpr int STREAM_WARPS = 4;
constexpr int STREAM_BLOCKS = 2;          // that fit a multiprocessor
constexpr int STREAM_RING = 20 * 1024;    // of a warp

// An item as it is known ahead.
struct __align__(16) StreamItem {
  int row; // -1: nothing is seen of the part
  int sequence, part, position;
  int firstBlock, tableBegin; // of the part: its first block, and where that stands among the tables
  int item, head;             // of the step's parts; the first of its heads in the group, and its key head << 16
  __device__ __forceinline__ int kv_head() const { return head >> 16; }
  __device__ __forceinline__ int first_head() const { return head & 0xffff; }
};

// Of a block, in shared memory, since registers are short.
struct __align__(16) StreamFacts {
  int taken, count;   // of the items that are known
  int group, shares;
  uint32_t inverse;   // of a block's tokens
};

template <int W> struct Stream {
  using Facts = StreamFacts;
  using L = Lay<W>;
  static constexpr int ROWS = 16;
  static constexpr int OF_TILE = KEYS / ROWS; // stages of a tile's keys, and of its values
  static constexpr int STAGE = ROWS * L::PITCH;
  static constexpr int STAGES = STREAM_RING / STAGE < 2 * OF_TILE - 1 ? STREAM_RING / STAGE : 2 * OF_TILE - 1;
  static constexpr int KNOWN = 128; // items that are gathered at a time
  static constexpr int RINGS = STREAM_WARPS * STAGES * STAGE;
  static constexpr int SHARED = RINGS + KNOWN * (int)sizeof(StreamItem) + (int)sizeof(Facts);

  const Attention& a;

  // What is asked for.
  const StreamItem* ahead;
  bool more;
  int askStage, askSlot, aheadTile;
  int ids;           // blocks of the part, one a lane: a block has 8 tokens or more
  int64_t places[2]; // keys of positions `lane` and `lane + 32` of the tile
  uint32_t seen[2];  // which positions are

  // What is worked on.
  Queries<W> queries;
  State<L::TILES> part;

  __device__ __forceinline__ Stream(const Attention& a) : a(a) {}

  static __device__ __forceinline__ int lane() { return threadIdx.x % LANES; }
  static __device__ __forceinline__ int warp() { return threadIdx.x / LANES; }
  __device__ __forceinline__ unsigned char* ring(int slot) const { return shared_memory() + (warp() * STAGES + slot) * STAGE; }
  __device__ __forceinline__ StreamItem* known() const { return (StreamItem*)(shared_memory() + RINGS); }
  __device__ __forceinline__ Facts* facts() const { return (Facts*)(known() + KNOWN); }
  __device__ __forceinline__ int group() const { return facts()->group; }
  __device__ __forceinline__ int shares() const { return facts()->shares; }
  __device__ __forceinline__ int row_bytes() const { return a.headDim * 2; }
  __device__ __forceinline__ int first_seen(int position) const { return serval::first_seen(a, position); }
  __device__ __forceinline__ int first_tile(const StreamItem& i) const { return max(i.part * (PART / KEYS), first_seen(i.position) / KEYS); }
  __device__ __forceinline__ int last_tile(const StreamItem& i) const { return min(i.part * (PART / KEYS) + PART / KEYS - 1, i.position / KEYS); }

  // Chunks of keys are read by rows of an even number and the next together, of values by eight rows together.
  static __device__ __forceinline__ int at(int row, int chunk) {
    return row * L::PITCH + (chunk ^ ((row >> 1 & 3) | (W == 96 ? 0 : (row & 1) << 2))) * 16;
  }

  // Items are numbered by heads of a key head, then parts, then key heads.
  __device__ __forceinline__ StreamItem item(int index) const {
    const Step* step = a.step;
    StreamItem i;
    int parts = step->parts * shares(), kvHead = index / parts;
    index %= parts;
    i.item = index / shares();
    i.head = index % shares() * 16 | kvHead << 16;
    Part p = array<Part>(step, step->partOf)[i.item];
    i.sequence = p.sequence;
    i.part = p.part;
    i.firstBlock = p.part * PART / a.blockTokens;
    i.tableBegin = array<int32_t>(step, step->tableBegin)[p.sequence] + i.firstBlock * a.groups + a.group;
    i.row = array<int32_t>(step, step->firstRow)[p.sequence];
    i.position = array<int32_t>(step, step->positions)[i.row];
    prefetch(array<int32_t>(step, step->blocks) + i.tableBegin);
    if (p.part < first_seen(i.position) / PART) i.row = -1;
    return i;
  }

  __device__ __forceinline__ void gather(int begin, int count) const {
    if (threadIdx.x == 0) facts()->taken = 0, facts()->count = count;
#pragma unroll 1
    for (int i = threadIdx.x; i < count; i += STREAM_WARPS * LANES) known()[i] = item(begin + i);
    __syncthreads();
  }

  // Goes on to the next of the block's items.
  __device__ __forceinline__ void claim() {
    do {
      int i = 0;
      if (lane() == 0) i = atomicAdd(&facts()->taken, 1);
      i = __shfl_sync(ALL, i, 0);
      more = i < facts()->count;
      if (!more) return;
      ahead = known() + i;
    } while (ahead->row < 0);
    aheadTile = first_tile(*ahead);
    ids = (ahead->firstBlock + lane()) * a.blockTokens <= ahead->position ? table()[lane() * a.groups] : 0;
    const char* queries = (const char*)(a.qkv + (int64_t)ahead->row * a.stride + (ahead->kv_head() * group() + ahead->first_head()) * a.headDim);
#pragma unroll 1
    for (int at = lane() * 128; at < min(group() - ahead->first_head(), 16) * a.headDim * 4; at += LANES * 128) prefetch(queries + at);
    // What the step itself writes is the last position.
    if (aheadTile == ahead->position / KEYS) wait_for_earlier();
  }

  // Of the part's blocks.
  __device__ __forceinline__ const int32_t* table() const { return array<int32_t>(a.step, a.step->blocks) + ahead->tableBegin; }

  __device__ __forceinline__ void locate() {
    const unsigned char* base = (const unsigned char*)a.kv + a.layerOffset + (int64_t)ahead->kv_head() * a.blockTokens * row_bytes();
    int position = ahead->position, firstSeen = first_seen(position), begin = ahead->firstBlock * a.blockTokens;
#pragma unroll
    for (int i = 0; i < 2; i++) {
      int p = aheadTile * KEYS + 32 * i + lane();
      int block = (int)((uint64_t)(uint32_t)(p - begin) * facts()->inverse >> 32);
      int id = __shfl_sync(ALL, ids, block);
      bool sees = p >= firstSeen && p <= position;
      seen[i] = __ballot_sync(ALL, sees);
      places[i] = (int64_t)(sees ? base + id * a.blockBytes + (p - begin - block * a.blockTokens) * row_bytes() : base);
    }
  }

  // Asks for the next stage.
  __device__ __forceinline__ void ask() {
    if (more && askStage == 0 && (!ahead || aheadTile > last_tile(*ahead))) claim();
    if (more) {
      if (askStage == 0) locate();
      bool second = askStage & 2;
      int64_t place = second ? places[1] : places[0];
      uint32_t real = (second ? seen[1] : seen[0]) >> (askStage & 1) * ROWS;
      int offset = askStage >= OF_TILE ? a.kvHeads * a.blockTokens * row_bytes() : 0;
      unsigned char* to = ring(askSlot);
#pragma unroll
      for (int i = 0; i < ROWS * L::CHUNKS / LANES; i++) {
        int c = lane() + i * LANES, r = c / L::CHUNKS, chunk = c % L::CHUNKS;
        int64_t from = __shfl_sync(ALL, place, (askStage & 1) * ROWS + r);
        bool copied = (real >> r & 1) != 0 && 8 * chunk < a.headDim;
        copy_async_once_or_zero(to + at(r, chunk), (const unsigned char*)from + (offset + (8 * chunk < a.headDim ? chunk * 16 : 0)), copied);
      }
      askStage = (askStage + 1) % (2 * OF_TILE);
      if (askStage == 0) aheadTile++;
    }
    commit_copies();
    askSlot = askSlot == STAGES - 1 ? 0 : askSlot + 1;
  }

  __device__ __forceinline__ void load_queries(const StreamItem& now) {
    int g = lane() / 4, t = lane() % 4;
    const float* first = a.qkv + (int64_t)now.row * a.stride + (now.kv_head() * group() + now.first_head() + g) * a.headDim + 8 * t;
#pragma unroll
    for (int j = 0; j < L::GROUPS; j++)
#pragma unroll
      for (int i = 0; i < 2; i++) {
        float4 u = make_float4(0.0f, 0.0f, 0.0f, 0.0f), v = u;
        if (now.first_head() + g + 8 * i < group() && 8 * (4 * j + t) < a.headDim) {
          const float4* x = (const float4*)(first + 8 * i * a.headDim + 32 * j);
          u = x[0];
          v = x[1];
        }
        queries.q[2 * j][i] = bf16_pair(u.x, u.y);
        queries.q[2 * j][2 + i] = bf16_pair(u.z, u.w);
        queries.q[2 * j + 1][i] = bf16_pair(v.x, v.y);
        queries.q[2 * j + 1][2 + i] = bf16_pair(v.z, v.w);
      }
  }

  // Those of a stage go in at the end, and those before move on.
  __device__ __forceinline__ void score(Scores& scores, const unsigned char* keys) const {
#pragma unroll
    for (int n = 0; n < 6; n++)
#pragma unroll
      for (int i = 0; i < 4; i++) scores.s[n][i] = scores.s[n + 2][i];
#pragma unroll
    for (int n = 6; n < 8; n++) scores.s[n][0] = scores.s[n][1] = scores.s[n][2] = scores.s[n][3] = 0.0f;
    const unsigned char* row = keys + lane() / 4 * L::PITCH;
#pragma unroll
    for (int j = 0; j < L::GROUPS; j++) {
      uint4 k[2];
#pragma unroll
      for (int i = 0; i < 2; i++) k[i] = *(const uint4*)(keys + at(8 * i + lane() / 4, 4 * j + lane() % 4));
#pragma unroll
      for (int i = 0; i < 2; i++) multiply(scores.s[6 + i], queries.q[2 * j], k[i].x, k[i].y);
#pragma unroll
      for (int i = 0; i < 2; i++) multiply(scores.s[6 + i], queries.q[2 * j + 1], k[i].z, k[i].w);
    }
  }

  // The first weights are those of the stage, and the others move on.
  __device__ __forceinline__ void add(Scores& weights, const unsigned char* values) {
    uint32_t p[4];
#pragma unroll
    for (int i = 0; i < 4; i++) p[i] = __float_as_uint(weights.s[0][i]);
#pragma unroll
    for (int n = 0; n < L::TILES; n += 2) {
      uint32_t v[4];
      load_matrices_transposed(v, values + at(lane() % 16, n + lane() / 16));
      multiply(part.o[n], p, v[0], v[1]);
      multiply(part.o[n + 1], p, v[2], v[3]);
    }
#pragma unroll
    for (int j = 0; j < 3; j++)
#pragma unroll
      for (int i = 0; i < 4; i++) weights.s[j][i] = weights.s[j + 1][i];
  }

  // Forgets positions beyond `to` or before `from`, counted from this lane's first.
  static __device__ __forceinline__ void mask(Scores& scores, int from, int to) {
#pragma unroll
    for (int n = 0; n < 8; n++)
#pragma unroll
      for (int j = 0; j < 2; j++)
        if (8 * n + j > to || 8 * n + j < from) scores.s[n][j] = scores.s[n][2 + j] = NOTHING_SEEN;
  }

  // Scores become weights, four products' in the place of the first of them, and what was summed so far is brought to the new largest score.
  __device__ __forceinline__ void weigh(Scores& scores, int position, int tile) {
    float scale = exponent_scale(a);
    int tileBegin = tile * KEYS, firstSeen = first_seen(position);
    if (tileBegin + KEYS - 1 > position || tileBegin < firstSeen) {
      int mine = tileBegin + 2 * (lane() % 4);
      mask(scores, firstSeen - mine, position - mine);
    }
    uint32_t p[4][4];
    serval::weigh(part, scores, scale, p);
#pragma unroll
    for (int j = 0; j < 4; j++)
#pragma unroll
      for (int i = 0; i < 4; i++) scores.s[j][i] = __uint_as_float(p[j][i]);
  }

  __device__ __forceinline__ float* partial(int item, int head) const { return a.partials + ((int64_t)item * a.heads + head) * (a.headDim + 4); }

  __device__ __forceinline__ void store(const StreamItem& now) const {
    int t = lane() % 4;
#pragma unroll
    for (int i = 0; i < 2; i++) {
      float sum = quad_sum(part.sum[i]);
      int h = now.first_head() + lane() / 4 + 8 * i;
      if (h >= group()) continue;
      float* to = partial(now.item, now.kv_head() * group() + h);
      if (t == 0) *(float2*)to = make_float2(part.largest[i], sum);
#pragma unroll
      for (int n = 0; n < L::TILES; n++)
        if (8 * n < a.headDim) *(float2*)(to + 4 + 8 * n + 2 * t) = make_float2(part.o[n][2 * i], part.o[n][2 * i + 1]);
    }
  }

  // As pad_operand.
  __device__ __forceinline__ void pad(int row) const {
    int columns = a.heads * a.headDim;
    if (!a.outOperand) return;
#pragma unroll 1
    for (int column = columns + 8 * lane(); column < tiles_of(columns) * TILE; column += 8 * LANES)
      *(uint4*)((uint16_t*)a.out + operand_chunk(a.outStride, row, column)) = make_uint4(0, 0, 0, 0);
  }

  __device__ __forceinline__ void store_quad(int row, int column, float4 x) const {
    if (a.outOperand)
      *(uint2*)((uint16_t*)a.out + operand_chunk(a.outStride, row, column) + column % 8) = make_uint2(bf16_pair(x.x, x.y), bf16_pair(x.z, x.w));
    else
      *(float4*)((float*)a.out + (int64_t)row * a.outStride + column) = x;
  }

  // Four dimensions a lane at a time, four parts in flight.
  __device__ __forceinline__ void merge(const StreamItem& now, int firstPart, int parts) const {
    float scale = exponent_scale(a);
    int pitch = a.headDim + 4, first = now.kv_head() * group();
    int64_t apart = (int64_t)a.heads * pitch;
#pragma unroll 1
    for (int h = first, d = lane() * 4; h < first + group();) {
      if (d >= a.headDim) {
        h++;
        d = lane() * 4;
        continue;
      }
      const float* from = partial(now.item - (now.part - firstPart), h);
      float largest = NOTHING_SEEN, sum = 0.0f;
      float4 x = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
#pragma unroll 1
      for (int p = 0; p < parts; p += 4) {
        float2 top[4];
        float4 v[4];
#pragma unroll
        for (int b = 0; b < 4; b++) {
          const float* one = from + min(p + b, parts - 1) * apart;
          top[b] = load_fresh((const float2*)one);
          v[b] = load_fresh((const float4*)(one + 4 + d));
        }
#pragma unroll
        for (int b = 0; b < 4; b++) {
          Merge merge(largest, p + b < parts ? top[b].x : NOTHING_SEEN, scale);
          sum = merge.merged(sum, top[b].y);
          x = merge.merged(x, v[b]);
          largest = merge.largest;
        }
      }
      float share = __fdiv_rn(1.0f, with_sink(a, h, largest, sum, scale));
      store_quad(now.row, h * a.headDim + d, make_float4(__fmul_rn(x.x, share), __fmul_rn(x.y, share), __fmul_rn(x.z, share), __fmul_rn(x.w, share)));
      d += LANES * 4;
    }
  }

  // The last warp to be done with a sequence and key head merges its parts.
  __device__ __forceinline__ void end_item(const StreamItem& now) const {
    store(now);
    __threadfence();
    __syncwarp();
    int firstPart = first_seen(now.position) / PART, parts = now.position / PART - firstPart + 1;
    int arrived = 0, *at = a.arrivals + now.sequence * a.kvHeads + now.kv_head();
    if (lane() == 0) arrived = atomicAdd(at, 1);
    arrived = __shfl_sync(ALL, arrived, 0);
    if (arrived == parts * shares() - 1) {
      __threadfence();
      if (lane() == 0) *at = 0;
      merge(now, firstPart, parts);
    }
    if (now.head == 0 && now.part == firstPart) pad(now.row);
  }

  // Works on what is known.
  __device__ __forceinline__ void attend() {
    Scores scores;
    scores.clear();
    const StreamItem* now = nullptr;
    int slot = 0, tile = 0;
    askStage = askSlot = aheadTile = 0;
    ahead = nullptr;
    more = true;
#pragma unroll 1
    for (int stage = 1 - STAGES;; stage = stage == 2 * OF_TILE - 1 ? 0 : stage + 1) {
      ask();
      if (stage < 0) continue;
      if (!now) {
        wait_for_earlier();
        if (!more) break;
        now = ahead;
        tile = first_tile(*now);
        load_queries(*now);
        part.clear();
      }
      wait_for_copies<STAGES - 1>();
      __syncwarp();
      if (stage < OF_TILE)
        score(scores, ring(slot));
      else
        add(scores, ring(slot));
      __syncwarp();
      slot = slot == STAGES - 1 ? 0 : slot + 1;
      if (stage == OF_TILE - 1) weigh(scores, now->position, tile);
      if (stage == 2 * OF_TILE - 1 && tile++ == last_tile(*now)) {
        end_item(*now);
        now = nullptr;
      }
    }
  }

  __device__ __forceinline__ void run() {
    let_later_begin();
    int group = a.heads / a.kvHeads, shares = (group + 15) / 16;
    if (threadIdx.x == 0) {
      facts()->group = group;
      facts()->shares = shares;
      facts()->inverse = 0xffffffffu / a.blockTokens + 1;
    }
    __syncthreads();
    int all = a.step->parts * a.kvHeads * shares, each = all / gridDim.x, rest = all % gridDim.x, block = blockIdx.x;
    int begin = block * each + min(block, rest), end = begin + each + (block < rest);
#pragma unroll 1
    for (; begin < end; begin += KNOWN) {
      gather(begin, min(end - begin, KNOWN));
      attend();
      __syncthreads();
    }
    wait_for_earlier();
  }
};

// Warps of a block go at their own pace, a tile apart at most, so that while one waits for its tensor cores another has work for the
// other units. Tiles go round in a ring; barriers count the warps whose copies of a tile have come, and those that are done with it.
struct AtTheirPace {
  static constexpr int SLOTS = 4, AHEAD = 2, BYTES = 2 * SLOTS * (int)sizeof(Barrier);
  Barrier* come;
  Barrier* left;
  int first; // tile

  __device__ __forceinline__ AtTheirPace(unsigned char* room) : come((Barrier*)room), left(come + SLOTS) {}

  __device__ __forceinline__ void begin(int index) {
    first = index;
    if (threadIdx.x == 0) {
      for (int i = 0; i < SLOTS; i++) {
        barrier_begin(come + i, PREFILL_WARPS);
        barrier_begin(left + i, PREFILL_WARPS);
      }
      barriers_begun();
    }
    __syncthreads();
    arrive_for(come, index);
  }

  // Waits until the slot of the tile that is to be fetched next is empty.
  __device__ __forceinline__ void take(int index) const { await(left + (index + AHEAD) % SLOTS, (turn(index + AHEAD) & 1) ^ 1); }

  // Waits until the tile is there.
  __device__ __forceinline__ void go_on(int index) const {
    arrive_for(come, index + 1);
    await(come + index % SLOTS, turn(index) & 1);
  }

  __device__ __forceinline__ void leave(int index) const { arrive_at(left, index); }

  // How often the tile's slot was used before.
  __device__ __forceinline__ int turn(int index) const { return (index - first) / SLOTS; }

  // When the warp's copies of a tile have come: all but those of the last it has asked for.
  static __device__ __forceinline__ void arrive_for(Barrier* barriers, int index) {
    wait_for_copies<AHEAD - 1>();
    arrive_at(barriers, index);
  }

  static __device__ __forceinline__ void arrive_at(Barrier* barriers, int index) {
    __syncwarp();
    if (threadIdx.x % LANES == 0) arrive(barriers + index % SLOTS);
  }
};

} // namespace serval

#define PREFILL(w)                                                                                                                 \
  KERNEL(stream_attention_prefill_##w, Attention, 256, 1, (serval::Prefill<w, serval::AtTheirPace>::SHARED)) {                    \
    serval::Prefill<w, serval::AtTheirPace> prefill(a);                                                                           \
    prefill.run();                                                                                                                \
  }
PREFILL(64)
PREFILL(96)
PREFILL(128)

#define STREAM(w)                                                                                                         \
  KERNEL(stream_attention_decode_##w, Attention, serval::STREAM_WARPS * 32, serval::STREAM_BLOCKS, (serval::Stream<w>::SHARED)) { \
    serval::Stream<w> stream(a);                                                                                          \
    stream.run();                                                                                                         \
  }
STREAM(96)
STREAM(128)
