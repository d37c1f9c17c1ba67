// Layers that carry a state of each sequence along.
//
// Those whose heads have matrices, gated delta networks and state spaces, are three launches. First rows go through the convolution,
// which reads those before a run from its state. Then the columns of a head's matrix, none of which depends on another, go through
// the rows of a run one after the other; what they recall takes the place of their values. Beside them the rows are kept that
// convolutions of later steps need. Last, what was recalled is normalised and gated.
//
// Short convolutions are one launch.
#include "rows.cuh"

namespace serval {

// A run of a step, and where its states lie.
template <class Arguments> struct CarriedRun {
  const Arguments& a;
  const int32_t* table;
  int first, count; // rows
  int from;         // the first one's position

  __device__ __forceinline__ CarriedRun(const Arguments& a, int sequence)
      : a(a), table(array<int32_t>(a.step, a.step->blocks) + array<int32_t>(a.step, a.step->tableBegin)[sequence]),
        first(array<int32_t>(a.step, a.step->firstRow)[sequence]), count(array<int32_t>(a.step, a.step->firstRow)[sequence + 1] - first),
        from(array<int32_t>(a.step, a.step->positions)[first]) {}

  __device__ __forceinline__ const float* in(int row) const { return a.in + (int64_t)(first + row) * a.inStride; }

  // The state of the block that holds a position.
  __device__ __forceinline__ float* state(int position) const {
    return (float*)((unsigned char*)a.kv + table[position / a.blockTokens * a.groups + a.group] * a.blockBytes + a.stateOffset);
  }
  // That which the run begins with; null for zeros.
  __device__ __forceinline__ const float* before() const { return from > 0 ? state(from - 1) : nullptr; }
};

// A channel of the rows that convolutions behind each block of a run will see; `seen` gives it of a row of the run. The last block
// comes first: the rows before the run may lie in the first one, where those that are still seen move up.
template <class Run, class Seen> __device__ __forceinline__ void keep_channel(const Run& run, int channels, int channel, Seen seen) {
  constexpr int HELD = 4;
  const float* before = run.before();
  int tokens = run.a.blockTokens, behind = run.from + run.count, kept = run.a.taps - 1;
  for (int block = (behind - 1) / tokens; block >= run.from / tokens; block--) {
    int end = min((block + 1) * tokens, behind);
    float* to = run.state(end - 1) + channel;
    for (int tap = 0; tap < kept; tap += HELD) {
      float x[HELD];
#pragma unroll
      for (int i = 0; i < HELD; i++) {
        int row = end - run.from - kept + tap + i;
        x[i] = tap + i >= kept ? 0.0f : row >= 0 ? seen(row) : before ? before[(int64_t)(kept + row) * channels + channel] : 0.0f;
      }
#pragma unroll
      for (int i = 0; i < HELD; i++)
        if (tap + i < kept) to[(int64_t)(tap + i) * channels] = x[i];
    }
  }
}

// What is where in rows and states of a layer whose heads have matrices.
struct RecallLayer {
  const Recall& a;

  __device__ __forceinline__ int keys() const { return a.keyHeads * a.keyDim; }
  __device__ __forceinline__ int values() const { return a.valueHeads * a.valueDim; }
  __device__ __forceinline__ int channels() const { return 2 * keys() + values(); }
  // Where a head's key, or query, begins among those of all.
  __device__ __forceinline__ int key(int head) const {
    return (a.tiled ? head % a.keyHeads : head / (a.valueHeads / a.keyHeads)) * a.keyDim;
  }
  __device__ __forceinline__ int64_t matrix(int head) const {
    return (int64_t)(a.taps - 1) * channels() + (int64_t)head * a.keyDim * a.valueDim;
  }
  __device__ __forceinline__ float time(float input, int head) const {
    float x = __fadd_rn(input, a.timeBias[head]);
    return __fadd_rn(fmaxf(x, 0.0f), log1pf(expf(-fabsf(x))));
  }
  __device__ __forceinline__ float kept(float time, int head) const { return expf(-__fmul_rn(a.decay[head], time)); }
};

// [queries | keys | values | output gates | write strengths | decays], the first three of which are channels.
struct DeltaLayer : RecallLayer {
  static constexpr bool LENGTHS = true;    // queries and keys are brought to their lengths
  static constexpr bool CORRECTS = true;   // what is known under its key is taken off a value
  static constexpr bool SAME_GAINS = true; // of the norms of all heads

  __device__ __forceinline__ int channelsFrom() const { return 0; }
  __device__ __forceinline__ int gatesFrom() const { return channels(); }
  __device__ __forceinline__ int queriesFrom() const { return 0; }
  __device__ __forceinline__ int keysFrom() const { return keys(); }
  __device__ __forceinline__ int valuesFrom() const { return 2 * keys(); }

  // What a row says of a head, as it comes,
  __device__ __forceinline__ float2 inputs(const float* row, int head) const {
    const float* at = row + channels() + values() + head;
    return make_float2(at[a.valueHeads], at[0]);
  }
  // and what it is: by what the matrix is multiplied, and how much of what is new is written.
  __device__ __forceinline__ float2 rates(float2 inputs, int head) const {
    return make_float2(kept(time(inputs.x, head), head), gate(1.0f, inputs.y));
  }
  // How much of a value goes past the matrix, and what comes of what was recalled with that.
  __device__ __forceinline__ float skip(int) const { return 0.0f; }
  static __device__ __forceinline__ float recalled(float x, float, float) { return x; }

  // What of it is normalised, and what comes of that.
  static __device__ __forceinline__ float before(float x, float) { return x; }
  static __device__ __forceinline__ float behind(float x, float gate) { return Silu::gated(gate, x); }
};

// [output gates | values | keys | queries | time steps], of which channels are all but the first and the last.
struct StateLayer : RecallLayer {
  static constexpr bool LENGTHS = false, CORRECTS = false, SAME_GAINS = false;

  __device__ __forceinline__ int channelsFrom() const { return values(); }
  __device__ __forceinline__ int gatesFrom() const { return 0; }
  __device__ __forceinline__ int valuesFrom() const { return 0; }
  __device__ __forceinline__ int keysFrom() const { return values(); }
  __device__ __forceinline__ int queriesFrom() const { return values() + keys(); }

  __device__ __forceinline__ float2 inputs(const float* row, int head) const { return make_float2(row[values() + channels() + head], 0.0f); }
  __device__ __forceinline__ float2 rates(float2 inputs, int head) const {
    float step = time(inputs.x, head);
    return make_float2(kept(step, head), step);
  }
  __device__ __forceinline__ float skip(int head) const { return a.skip[head]; }
  static __device__ __forceinline__ float recalled(float x, float skip, float value) { return __fmaf_rn(skip, value, x); }

  static __device__ __forceinline__ float before(float x, float gate) { return Silu::gated(gate, x); }
  static __device__ __forceinline__ float behind(float x, float) { return x; }
};

// A run of such a layer.
template <class Layer> struct RecallRun : CarriedRun<Recall> {
  const Layer layer;

  __device__ __forceinline__ RecallRun(const Recall& a, int sequence) : CarriedRun(a, sequence), layer{{a}} {}

  __device__ __forceinline__ float* between(int row) const { return a.between + (int64_t)(first + row) * a.betweenStride; }
  // The channels of a row of the run, or of one of those before it; null for zeros.
  __device__ __forceinline__ const float* seen(int row, const float* before) const {
    return row >= 0 ? in(row) + layer.channelsFrom() : before ? before + (int64_t)(a.taps - 1 + row) * layer.channels() : nullptr;
  }
};

// What a warp makes of some channels of a row: all of a query or a key that is brought to its length, or some of the others.
template <class Layer> struct ConvolvedChannels {
  static constexpr int HELD = 4, TOGETHER = HELD * LANES;
  static constexpr float LENGTH_EPSILON = 1e-6f;
  const RecallRun<Layer>& run;
  const float* before;
  int row, begin, count;
  float x[HELD]; // those that were computed last

  __device__ __forceinline__ void convolve(int from) {
#pragma unroll
    for (int i = 0; i < HELD; i++) x[i] = 0.0f;
#pragma unroll 4
    for (int tap = 0; tap < run.a.taps; tap++) {
      const float *in = run.seen(row - (run.a.taps - 1) + tap, before), *by = run.a.convolution + (int64_t)tap * run.layer.channels();
      if (!in) continue;
#pragma unroll
      for (int i = 0; i < HELD; i++) {
        int k = from + i * LANES + (int)threadIdx.x % LANES;
        if (k < count) x[i] = __fmaf_rn(in[begin + k], by[begin + k], x[i]);
      }
    }
#pragma unroll
    for (int i = 0; i < HELD; i++) {
      int k = from + i * LANES + (int)threadIdx.x % LANES;
      if (run.a.convolutionBias && k < count) x[i] = __fadd_rn(x[i], run.a.convolutionBias[begin + k]);
      x[i] = gate(x[i], x[i]);
    }
  }

  __device__ __forceinline__ void store(int from, float factor) const {
#pragma unroll
    for (int i = 0; i < HELD; i++) {
      int k = from + i * LANES + (int)threadIdx.x % LANES;
      if (k < count) run.between(row)[begin + k] = __fmul_rn(x[i], factor);
    }
  }

  // `size`: what becomes of their length; 0 to leave it as it is.
  __device__ __forceinline__ void run_through(float size) {
    float squares = 0.0f;
    int last = (count - 1) / TOGETHER * TOGETHER;
    for (int from = 0; from <= last; from += TOGETHER) {
      convolve(from);
#pragma unroll
      for (int i = 0; i < HELD; i++) squares = __fmaf_rn(x[i], x[i], squares);
    }
    float factor = size == 0.0f ? 1.0f : __fdiv_rn(size, __fsqrt_rn(__fadd_rn(warp_sum(squares), LENGTH_EPSILON)));
    store(last, factor);
    for (int from = 0; from < last; from += TOGETHER) {
      convolve(from);
      store(from, factor);
    }
  }
};

// The sum of what a column's four lanes have, the same in each.
__device__ __forceinline__ float column_sum(float x) {
  x = __fadd_rn(x, __shfl_xor_sync(ALL, x, 1));
  return __fadd_rn(x, __shfl_xor_sync(ALL, x, 2));
}
__device__ __forceinline__ float column_sum(const float (&x)[4]) {
  return column_sum(__fadd_rn(__fadd_rn(x[0], x[1]), __fadd_rn(x[2], x[3])));
}

// A column of a head's matrix in four lanes, which hold four neighbouring rows of each sixteen.
template <int CHUNKS> struct MatrixColumn {
  int part; // which four
  float x[CHUNKS][4];

  // Of a matrix with so many rows and columns.
  __device__ __forceinline__ void load(const float* from, int rows, int columns) {
    from += 4 * part * columns;
#pragma unroll
    for (int i = 0; i < CHUNKS; i++, from += 16 * columns)
#pragma unroll
      for (int j = 0; j < 4; j++) x[i][j] = 16 * i + 4 * part + j < rows ? from[j * columns] : 0.0f;
  }

  __device__ __forceinline__ void store(float* to, int rows, int columns) const {
    to += 4 * part * columns;
#pragma unroll
    for (int i = 0; i < CHUNKS; i++, to += 16 * columns)
#pragma unroll
      for (int j = 0; j < 4; j++)
        if (16 * i + 4 * part + j < rows) to[j * columns] = x[i][j];
  }

  __device__ __forceinline__ void four(float (&to)[4], const float* rows, int chunk) const {
    float4 v = *(const float4*)(rows + 16 * chunk + 4 * part);
    to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
  }

  // Goes on by a row; gives what is recalled.
  template <bool CORRECTS> __device__ __forceinline__ float advance(const float* query, const float* key, float value, float2 rates) {
    float k[CHUNKS][4], known[4] = {}, recalled[4] = {};
    if (CORRECTS) {
#pragma unroll
      for (int i = 0; i < CHUNKS; i++) {
        four(k[i], key, i);
#pragma unroll
        for (int j = 0; j < 4; j++) {
          x[i][j] = __fmul_rn(x[i][j], rates.x);
          known[j] = __fmaf_rn(k[i][j], x[i][j], known[j]);
        }
      }
      value = __fsub_rn(value, column_sum(known));
    }
    float change = __fmul_rn(rates.y, value);
#pragma unroll
    for (int i = 0; i < CHUNKS; i++) {
      float q[4];
      four(q, query, i);
      if (!CORRECTS) four(k[i], key, i);
#pragma unroll
      for (int j = 0; j < 4; j++) {
        if (!CORRECTS) x[i][j] = __fmul_rn(x[i][j], rates.x);
        x[i][j] = __fmaf_rn(k[i][j], change, x[i][j]);
        recalled[j] = __fmaf_rn(q[j], x[i][j], recalled[j]);
      }
    }
    return column_sum(recalled);
  }
};

// Which columns of which head a block takes, eight for each of its warps; blocks behind those of all heads have none.
struct HeadColumns {
  static constexpr int THREADS = 128, COLUMNS = THREADS / 4;
  int head, begin;

  __device__ __forceinline__ HeadColumns(const Recall& a)
      : head(blockIdx.y / blocks(a)), begin(blockIdx.y % blocks(a) * COLUMNS) {}
  static __device__ __forceinline__ int blocks(const Recall& a) { return (a.valueDim + COLUMNS - 1) / COLUMNS; }
  __device__ __forceinline__ int mine() const { return begin + (int)threadIdx.x / 4; }
};

// What the next rows of a run have for a block: on its way in registers while the rows before are done with, and then in shared
// memory. What lies beyond a head's dimensions is zeros.
template <int ROWS> struct NextRows {
  static constexpr int TOKENS = ROWS > 128 ? 4 : 8, THREADS = HeadColumns::THREADS, COLUMNS = HeadColumns::COLUMNS;
  struct Room {
    float query[TOKENS][ROWS], key[TOKENS][ROWS], value[TOKENS][COLUMNS];
    float2 rates[TOKENS];
  };
  static constexpr int TURNS = ROWS > THREADS ? ROWS / THREADS : 1, TOGETHER = ROWS > THREADS ? 1 : THREADS / ROWS;
  static constexpr int HELD = TOKENS / TOGETHER, VALUES = TOKENS * COLUMNS / THREADS;
  float query[HELD][TURNS], key[HELD][TURNS], value[VALUES];
  float2 inputs;

  template <class Layer> __device__ __forceinline__ void load(const RecallRun<Layer>& run, const HeadColumns& columns, int from) {
    const Layer& layer = run.layer;
    int row = from + threadIdx.x / ROWS, k = threadIdx.x % ROWS;
    const float* at = run.between(row) + layer.queriesFrom() + layer.key(columns.head) + k;
    int toKeys = layer.keysFrom() - layer.queriesFrom();
#pragma unroll
    for (int i = 0; i < HELD; i++, row += TOGETHER, at += TOGETHER * run.a.betweenStride)
#pragma unroll
      for (int j = 0; j < TURNS; j++) {
        bool real = row < run.count && k + j * THREADS < run.a.keyDim;
        query[i][j] = real ? at[j * THREADS] : 0.0f;
        key[i][j] = real ? at[j * THREADS + toKeys] : 0.0f;
      }
    row = from + threadIdx.x / COLUMNS, k = columns.begin + threadIdx.x % COLUMNS;
    int end = k < run.a.valueDim ? run.count : 0;
    at = run.between(row) + layer.valuesFrom() + columns.head * run.a.valueDim + k;
#pragma unroll
    for (int i = 0; i < VALUES; i++, row += THREADS / COLUMNS, at += THREADS / COLUMNS * run.a.betweenStride)
      value[i] = row < end ? *at : 0.0f;
    row = from + threadIdx.x;
    inputs = threadIdx.x < TOKENS && row < run.count ? layer.inputs(run.in(row), columns.head) : make_float2(0.0f, 0.0f);
  }

  template <class Layer> __device__ __forceinline__ void put(const RecallRun<Layer>& run, const HeadColumns& columns, Room& room) const {
#pragma unroll
    for (int i = 0; i < HELD; i++)
#pragma unroll
      for (int j = 0; j < TURNS; j++) {
        (&room.query[0][0])[(i * TURNS + j) * THREADS + threadIdx.x] = query[i][j];
        (&room.key[0][0])[(i * TURNS + j) * THREADS + threadIdx.x] = key[i][j];
      }
#pragma unroll
    for (int i = 0; i < VALUES; i++) (&room.value[0][0])[i * THREADS + threadIdx.x] = value[i];
    if (threadIdx.x < TOKENS) room.rates[threadIdx.x] = run.layer.rates(inputs, columns.head);
  }
};

// Columns of as many rows as lanes hold.
template <int CHUNKS> struct RecallHeld {
  template <class Layer> __device__ __forceinline__ void operator()(const RecallRun<Layer>& run, const HeadColumns& columns) const {
    using Next = NextRows<16 * CHUNKS>;
    __shared__ __align__(16) typename Next::Room room;
    const Recall& a = run.a;
    int mine = columns.mine();
    bool real = mine < a.valueDim;
    int64_t at = run.layer.matrix(columns.head) + mine;
    int place = run.layer.valuesFrom() + columns.head * a.valueDim + mine;
    float skip = run.layer.skip(columns.head);
    MatrixColumn<CHUNKS> column = {(int)threadIdx.x % 4, {}};
    const float* before = run.before();
    if (before && real) column.load(before + at, a.keyDim, a.valueDim);
    Next next;
    next.load(run, columns, 0);
    int left = a.blockTokens - run.from % a.blockTokens;
    for (int from = 0; from < run.count; from += Next::TOKENS) {
      __syncthreads();
      next.put(run, columns, room);
      __syncthreads();
      if (from + Next::TOKENS < run.count) next.load(run, columns, from + Next::TOKENS);
      int end = min(from + Next::TOKENS, run.count);
      for (int row = from; row < end; row++) {
        int i = row - from;
        float value = room.value[i][threadIdx.x / 4];
        float recalled = column.template advance<Layer::CORRECTS>(room.query[i], room.key[i], value, room.rates[i]);
        if (real && column.part == 0) run.between(row)[place] = Layer::recalled(recalled, skip, value);
        if (--left > 0 && row + 1 < run.count) continue;
        left = a.blockTokens;
        if (real) column.store(run.state(run.from + row) + at, a.keyDim, a.valueDim);
      }
    }
  }
};

// Columns of any number of rows: in memory, from block to block.
struct RecallAny {
  template <class Layer> __device__ __forceinline__ void operator()(const RecallRun<Layer>& run, const HeadColumns& columns) const {
    const Recall& a = run.a;
    const Layer& layer = run.layer;
    int mine = columns.mine(), part = threadIdx.x % 4, of = layer.key(columns.head);
    bool real = mine < a.valueDim;
    int64_t at = layer.matrix(columns.head) + mine;
    float skip = layer.skip(columns.head);
    const float* before = run.before();
    for (int row = 0; row < run.count; row++) {
      const float *query = run.between(row) + layer.queriesFrom() + of, *key = run.between(row) + layer.keysFrom() + of;
      float* place = run.between(row) + layer.valuesFrom() + columns.head * a.valueDim + mine;
      float* state = run.state(run.from + row);
      float2 rates = layer.rates(layer.inputs(run.in(row), columns.head), columns.head);
      auto element = [&](int k) { return before && real ? __fmul_rn(before[at + (int64_t)k * a.valueDim], rates.x) : 0.0f; };
      float value = __shfl_sync(ALL, real && part == 0 ? *place : 0.0f, threadIdx.x % LANES / 4 * 4), known = 0.0f, recalled = 0.0f;
      for (int k = part; k < a.keyDim && Layer::CORRECTS; k += 4) known = __fmaf_rn(key[k], element(k), known);
      float change = __fmul_rn(rates.y, Layer::CORRECTS ? __fsub_rn(value, column_sum(known)) : value);
      for (int k = part; k < a.keyDim; k += 4) {
        float x = __fmaf_rn(key[k], change, element(k));
        if (real) state[at + (int64_t)k * a.valueDim] = x;
        recalled = __fmaf_rn(query[k], x, recalled);
      }
      recalled = column_sum(recalled);
      if (real && part == 0) *place = Layer::recalled(recalled, skip, value);
      before = state;
    }
  }
};

template <class Layer, class How> __device__ __forceinline__ void recall_run(const Recall& a, How recall) {
  let_later_begin();
  if (blockIdx.x >= a.step->sequences) {
    wait_for_earlier();
    return;
  }
  RecallRun<Layer> run(a, blockIdx.x);
  HeadColumns columns(a);
  wait_for_earlier();
  if (columns.head < a.valueHeads) {
    recall(run, columns);
    return;
  }
  int channel = (blockIdx.y - a.valueHeads * HeadColumns::blocks(a)) * blockDim.x + threadIdx.x;
  if (channel < run.layer.channels())
    keep_channel(run, run.layer.channels(), channel, [&](int row) { return run.in(row)[run.layer.channelsFrom() + channel]; });
}

template <class Layer> __device__ __forceinline__ void convolve_row(const Recall& a) {
  using Channels = ConvolvedChannels<Layer>;
  let_later_begin();
  if (blockIdx.x >= a.step->rows) {
    wait_for_earlier();
    return;
  }
  RecallRun<Layer> run(a, array<int32_t>(a.step, a.step->sequenceOf)[blockIdx.x]);
  const float* before = run.before();
  int row = blockIdx.x - run.first, warps = blockDim.x / LANES, channels = run.layer.channels();
  float querySize = __fdiv_rn(1.0f, __fsqrt_rn((float)a.keyDim));
  wait_for_earlier();
  int heads = Layer::LENGTHS ? 2 * a.keyHeads : 0, others = heads * a.keyDim;
  int parts = (channels - others + Channels::TOGETHER - 1) / Channels::TOGETHER;
  for (int i = blockIdx.y * warps + threadIdx.x / LANES; i < heads + parts; i += gridDim.y * warps) {
    if (i < heads) {
      Channels{run, before, row, i * a.keyDim, a.keyDim}.run_through(i < a.keyHeads ? querySize : 1.0f);
    } else {
      int from = others + (i - heads) * Channels::TOGETHER;
      Channels{run, before, row, from, min(Channels::TOGETHER, channels - from)}.run_through(0.0f);
    }
  }
}

// As many of a row's parts at once as there are warps; where there are fewer parts, each has several warps. First the sums of their
// squares, and then the block for their columns, which are whole groups of eight, or the whole row.
template <class Layer> __device__ __forceinline__ void gate_row(const Recall& a) {
  constexpr int WARPS = 8;
  __shared__ float squares[WARPS], factors[WARPS];
  let_later_begin();
  Layer layer = {{a}};
  int row = blockIdx.x, columns = layer.values(), width = columns / a.normParts;
  int each = WARPS;
  while (each > 1 && each * a.normParts > WARPS) each /= 2;
  int together = WARPS / each, warp = threadIdx.x / LANES;
  wait_for_earlier();
  if (row >= a.step->rows) return;
  const float* recalled = a.between + (int64_t)row * a.betweenStride + layer.valuesFrom();
  const float* gates = a.in + (int64_t)row * a.inStride + layer.gatesFrom();
  Rows rows = {a.out, a.outStride, a.outOperand != 0};
  for (int first = blockIdx.y * together; first < a.normParts; first += gridDim.y * together) {
    int part = first + warp / each;
    if (a.norm && part < a.normParts) {
      const float *from = recalled + part * width, *by = gates + part * width;
      float sum = 0.0f;
#pragma unroll 2
      for (int i = 8 * (warp % each * LANES + (int)threadIdx.x % LANES); i < width; i += 8 * each * LANES) {
        Eight e = load_any_eight(from, i, width), z = load_any_eight(by, i, width);
#pragma unroll
        for (int j = 0; j < 8; j++) {
          float x = Layer::before(e.x[j], z.x[j]);
          sum = __fmaf_rn(x, x, sum);
        }
      }
      sum = warp_sum(sum);
      if (threadIdx.x % LANES == 0) squares[warp] = sum;
    }
    __syncthreads();
    if (a.norm && threadIdx.x < together && first + threadIdx.x < a.normParts) {
      float sum = 0.0f;
      for (int i = 0; i < each; i++) sum = __fadd_rn(sum, squares[threadIdx.x * each + i]);
      factors[threadIdx.x] = __fdiv_rn(1.0f, __fsqrt_rn(__fadd_rn(__fdiv_rn(sum, (float)width), a.epsilon)));
    }
    __syncthreads();
    int end = first + together < a.normParts ? (first + together) / 8 * width : rows.groups(columns);
    for (int c = first / 8 * width + threadIdx.x; c < end; c += blockDim.x) {
      Eight e = none();
      if (8 * c < columns) {
        Eight x = load_any_eight(recalled, 8 * c, columns), by = load_any_eight(gates, 8 * c, columns);
        int of = 8 * c / width - first, at = 8 * c % width;
#pragma unroll
        for (int i = 0; i < 8; i++) {
          if (8 * c + i >= columns) continue;
          float y = Layer::before(x.x[i], by.x[i]);
          if (a.norm) y = __fmul_rn(__fmul_rn(y, factors[of]), a.norm[Layer::SAME_GAINS ? at : 8 * c + i]);
          e.x[i] = Layer::behind(y, by.x[i]);
          if (++at == width) at = 0, of++;
        }
      }
      rows.store(row, 8 * c, columns, e);
    }
    __syncthreads();
  }
}

// Of rows [gates before | gates behind | values].
struct ShortRun : CarriedRun<ShortConvolution> {
  __device__ __forceinline__ ShortRun(const ShortConvolution& a, int sequence) : CarriedRun(a, sequence) {}

  __device__ __forceinline__ float value(int row, int column) const { return __fmul_rn(in(row)[column], in(row)[2 * a.width + column]); }

  // What is convolved of eight columns of a row of the run, or of one of those before it.
  __device__ __forceinline__ Eight seen(int row, int from, const float* before) const {
    if (row < 0) return before ? load_any_eight(before + (int64_t)(a.taps - 1 + row) * a.width, from, a.width) : none();
    Eight x = load_any_eight(in(row) + 2 * a.width, from, a.width), by = load_any_eight(in(row), from, a.width);
#pragma unroll
    for (int i = 0; i < 8; i++) x.x[i] = __fmul_rn(by.x[i], x.x[i]);
    return x;
  }

  __device__ __forceinline__ Eight convolved(int row, int from, const float* before) const {
    Eight sums = none(), by = load_any_eight(in(row) + a.width, from, a.width);
#pragma unroll 4
    for (int tap = 0; tap < a.taps; tap++) {
      Eight x = seen(row - (a.taps - 1) + tap, from, before), kernel = load_any_eight(a.kernel + (int64_t)tap * a.width, from, a.width);
#pragma unroll
      for (int i = 0; i < 8; i++) sums.x[i] = __fmaf_rn(x.x[i], kernel.x[i], sums.x[i]);
    }
#pragma unroll
    for (int i = 0; i < 8; i++) sums.x[i] = __fmul_rn(by.x[i], sums.x[i]);
    return sums;
  }
};

} // namespace serval

KERNEL(delta_convolve, Recall, 256, 1, 0) { serval::convolve_row<serval::DeltaLayer>(a); }
KERNEL(delta_recall_64, Recall, 128, 4, 0) { serval::recall_run<serval::DeltaLayer>(a, serval::RecallHeld<4>()); }
KERNEL(delta_recall_128, Recall, 128, 4, 0) { serval::recall_run<serval::DeltaLayer>(a, serval::RecallHeld<8>()); }
KERNEL(delta_recall_any, Recall, 128, 4, 0) { serval::recall_run<serval::DeltaLayer>(a, serval::RecallAny()); }
KERNEL(delta_gate, Recall, 256, 1, 0) { serval::gate_row<serval::DeltaLayer>(a); }

KERNEL(state_convolve, Recall, 256, 1, 0) { serval::convolve_row<serval::StateLayer>(a); }
KERNEL(state_recall_128, Recall, 128, 4, 0) { serval::recall_run<serval::StateLayer>(a, serval::RecallHeld<8>()); }
KERNEL(state_recall_256, Recall, 128, 3, 0) { serval::recall_run<serval::StateLayer>(a, serval::RecallHeld<16>()); }
KERNEL(state_recall_any, Recall, 128, 4, 0) { serval::recall_run<serval::StateLayer>(a, serval::RecallAny()); }
KERNEL(state_gate, Recall, 256, 1, 0) { serval::gate_row<serval::StateLayer>(a); }

// The block of a run's first row does all rows that see any before the run, as it then keeps others in their place.
KERNEL(short_convolve, ShortConvolution, 128, 1, 0) {
  using namespace serval;
  let_later_begin();
  if (blockIdx.x >= a.step->rows) {
    wait_for_earlier();
    return;
  }
  ShortRun run(a, array<int32_t>(a.step, a.step->sequenceOf)[blockIdx.x]);
  const float* before = run.before();
  int row = blockIdx.x - run.first, end = row > 0 ? row + 1 : min(run.count, max(a.taps - 1, 1));
  wait_for_earlier();
  if (row > 0 && row < a.taps - 1) return;
  Rows rows = {a.out, a.outStride, a.outOperand != 0};
  int columns = 8 * rows.groups(a.width), together = 8 * blockDim.x;
  for (int from = blockIdx.y * together; from < columns; from += gridDim.y * together) {
    int mine = from + 8 * threadIdx.x;
    for (int r = row; r < end && mine < columns; r++)
      rows.store(run.first + r, mine, a.width, mine < a.width ? run.convolved(r, mine, before) : none());
    if (row > 0) continue;
    __syncthreads();
    for (int k = from + threadIdx.x; k < min(from + together, a.width); k += blockDim.x)
      keep_channel(run, a.width, k, [&](int r) { return run.value(r, k); });
  }
}
