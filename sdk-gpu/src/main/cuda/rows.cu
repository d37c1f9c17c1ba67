// What is done row by row: embeddings, norms, rounding to operands, gathering, gated activations and outputs. A block for each row,
// eight columns at a time for each thread.
#include "rows.cuh"
#include "weights.cuh"

namespace serval {

// What norms have in common: a row, of which a thread keeps what it has read last, which is all of it where rows have up to 4096
// columns.
template <class Arguments> struct NormRow {
  static constexpr int HELD = 2;
  // By which sums are taken once more, for rows of which they overflow otherwise; epsilon is nothing beside those.
  static constexpr float SMALLER = 0x1p-64f;
  const Arguments& a;
  const float* in;
  Rows to;
  bool add; // to F32 rows
  Eight x[HELD], gain[HELD];

  __device__ __forceinline__ NormRow(const Arguments& a, bool operand, bool add)
      : a(a), in(a.in + (int64_t)blockIdx.x * a.inStride), to{a.out, a.outStride, operand}, add(add) {}

  static __device__ __forceinline__ int column(int from, int i) { return 8 * (from + i * (int)blockDim.x + (int)threadIdx.x); }
  static __device__ __forceinline__ int together() { return HELD * blockDim.x; }
  __device__ __forceinline__ int last() const { return (to.groups(a.columns) - 1) / together() * together(); }

  __device__ __forceinline__ void load(Eight (&held)[HELD], const float* row, int from) const {
#pragma unroll
    for (int i = 0; i < HELD; i++) {
      int k = column(from, i);
      held[i] = k < a.columns ? load_eight(row, k, a.columns) : none();
    }
  }

  // What comes of an element is given by its place among those that are held.
  template <class F> __device__ __forceinline__ void store(int from, F normed) const {
#pragma unroll
    for (int i = 0; i < HELD; i++) {
      int k = column(from, i);
      if (k >= 8 * to.groups(a.columns)) continue;
      Eight e;
#pragma unroll
      for (int j = 0; j < 8; j++) e.x[j] = k + j < a.columns ? normed(i, j) : 0.0f;
      if (add) {
        Eight before = load_eight((const float*)a.out + (int64_t)blockIdx.x * a.outStride, k, a.columns);
#pragma unroll
        for (int j = 0; j < 8; j++) e.x[j] = __fadd_rn(before.x[j], e.x[j]);
      }
      to.store(blockIdx.x, k, a.columns, e);
    }
  }

  // By what an element is multiplied, one factor after the other, given the sums of squares.
  __device__ __forceinline__ float2 factors(float2 squares) const {
    bool huge = isinf(squares.x) && !isinf(squares.y);
    float mean = __fdiv_rn(huge ? squares.y : squares.x, (float)a.columns);
    float root = __fsqrt_rn(huge ? mean : __fadd_rn(mean, a.epsilon));
    return make_float2(huge ? SMALLER : 1.0f, __fdiv_rn(1.0f, root));
  }
};

struct RmsNormRow : NormRow<RmsNorm> {
  float sum = 0.0f, scaledSum = 0.0f;

  __device__ __forceinline__ RmsNormRow(const RmsNorm& a, bool operand, bool add = false) : NormRow(a, operand, add) {}

  __device__ __forceinline__ void add_squares() {
#pragma unroll
    for (int i = 0; i < HELD; i++)
#pragma unroll
      for (int j = 0; j < 8; j++) {
        sum = __fmaf_rn(x[i].x[j], x[i].x[j], sum);
        float scaled = __fmul_rn(x[i].x[j], SMALLER);
        scaledSum = __fmaf_rn(scaled, scaled, scaledSum);
      }
  }

  __device__ __forceinline__ void store(int from, float2 factors) const {
    NormRow::store(from, [&](int i, int j) { return __fmul_rn(__fmul_rn(__fmul_rn(x[i].x[j], factors.x), factors.y), gain[i].x[j]); });
  }

  // No kernel writes the step, nor the gain.
  __device__ __forceinline__ void run() {
    __shared__ float2 room[8];
    let_later_begin();
    int rows = a.step->rows, end = last();
    load(gain, a.gain, end);
    wait_for_earlier();
    if (blockIdx.x >= rows) return;
    for (int from = 0; from <= end; from += together()) {
      load(x, in, from);
      add_squares();
    }
    float2 by = factors(block_sums(sum, scaledSum, room));
    store(end, by);
    for (int from = end - together(); from >= 0; from -= together()) {
      load(x, in, from);
      load(gain, a.gain, from);
      store(from, by);
    }
  }
};

// Goes over a row four times: twice for its mean, as how far elements are from the first attempt has less to be rounded off, then
// for how far they are from that, and for what comes of them.
struct LayerNormRow : NormRow<LayerNorm> {
  Eight bias[HELD];

  __device__ __forceinline__ LayerNormRow(const LayerNorm& a, bool operand, bool add = false) : NormRow(a, operand, add) {}

  template <class F> __device__ __forceinline__ float2 sums(float2* room, F term) {
    float sum = 0.0f, scaledSum = 0.0f;
    for (int from = 0; from <= last(); from += together()) {
      if (last() > 0) load(x, in, from);
#pragma unroll
      for (int i = 0; i < HELD; i++)
#pragma unroll
        for (int j = 0; j < 8; j++)
          if (column(from, i) + j < a.columns) {
            sum = __fadd_rn(sum, term(x[i].x[j], 1.0f));
            scaledSum = __fadd_rn(scaledSum, term(x[i].x[j], SMALLER));
          }
    }
    return block_sums(sum, scaledSum, room);
  }

  // The mean of how far elements are from something.
  __device__ __forceinline__ float mean(float2* room, float from) {
    float2 all = sums(room, [&](float element, float scale) { return __fmul_rn(__fsub_rn(element, from), scale); });
    bool huge = isinf(all.x) && !isinf(all.y);
    float mean = __fdiv_rn(huge ? all.y : all.x, (float)a.columns);
    return huge ? __fmul_rn(mean, 1 / SMALLER) : mean;
  }

  // No kernel writes the step, the gain nor the bias.
  __device__ __forceinline__ void run() {
    __shared__ float2 room[3][8];
    let_later_begin();
    int rows = a.step->rows;
    wait_for_earlier();
    if (blockIdx.x >= rows) return;
    load(x, in, 0);
    float middle = mean(room[0], 0.0f);
    middle = __fadd_rn(middle, mean(room[1], middle));
    float2 by = factors(sums(room[2], [&](float element, float scale) {
      float apart = __fmul_rn(__fsub_rn(element, middle), scale);
      return __fmul_rn(apart, apart);
    }));
    for (int from = 0; from <= last(); from += together()) {
      if (last() > 0) load(x, in, from);
      load(gain, a.gain, from);
      if (a.bias) load(bias, a.bias, from);
      store(from, [&](int i, int j) {
        float normed = __fmul_rn(__fmul_rn(__fmul_rn(__fsub_rn(x[i].x[j], middle), by.x), by.y), gain[i].x[j]);
        return a.bias ? __fadd_rn(normed, bias[i].x[j]) : normed;
      });
    }
  }
};

__device__ __forceinline__ void round_row(const Round& a, bool gathered, bool operand) {
  let_later_begin();
  wait_for_earlier();
  int row = blockIdx.x;
  if (row >= (gathered ? a.step->logitRows : a.step->rows)) return;
  int from = gathered ? array<int32_t>(a.step, a.step->logitSource)[row] : row;
  const float* in = (const float*)a.in + (int64_t)from * a.inStride;
  Rows rows = {a.out, a.outStride, operand};
  for (int c = threadIdx.x; c < rows.groups(a.columns); c += blockDim.x)
    rows.store(row, 8 * c, a.columns, 8 * c < a.columns ? load_eight(in, 8 * c, a.columns) : none());
}

// Embeddings: eight columns of a row of a table of each type.
struct F32Table {
  static __device__ __forceinline__ float element(const Embed& a, int row, int k) {
    return ((const float*)a.table)[(int64_t)row * a.tableStride + k];
  }
};
struct F16Table {
  static __device__ __forceinline__ float element(const Embed& a, int row, int k) {
    return half_value(((const uint16_t*)a.table)[(int64_t)row * a.tableStride + k]);
  }
};
struct Bf16Table {
  static __device__ __forceinline__ float element(const Embed& a, int row, int k) {
    int64_t tile = (int64_t)(row / TILE) * a.tableStride + k / TILE;
    return bf16_value(((const uint16_t*)a.table)[tile * (TILE * TILE) + row % TILE * TILE + (((k % TILE / 8) ^ (row & 7)) * 8) + k % 8]);
  }
};
// Where element k of 16 lies among the bytes, or k of 32 among the nibbles, of a chunk; see abi.h.
__device__ __forceinline__ int place_of_byte(int k) { return k % 8 / 2 * 4 + k % 2 + k / 8 * 2; }
__device__ __forceinline__ int place_of_nibble(int k) { return k % 8 / 2 * 8 + k % 2 * 4 + k / 8; }
struct Q8Table {
  static __device__ __forceinline__ float element(const Embed& a, int row, int k) {
    const unsigned char* tile = (const unsigned char*)a.table + ((int64_t)(row / TILE) * a.tableStride + k / TILE) * 4352;
    int r = row % TILE, i = k % TILE;
    int8_t q = (int8_t)tile[r * 64 + ((i / 16) ^ ((r >> 1) & 3)) * 16 + place_of_byte(i % 16)];
    return __fmul_rn(half_value(*(const uint16_t*)(tile + 4096 + r * 4 + i / 32 * 2)), (float)q);
  }
};
struct Q4Table {
  static __device__ __forceinline__ float element(const Embed& a, int row, int k) {
    const unsigned char* tile = (const unsigned char*)a.table + ((int64_t)(row / TILE) * a.tableStride + k / TILE) * 2304;
    int r = row % TILE, i = k % TILE, n = place_of_nibble(i % 32);
    int q = tile[r * 32 + ((i / 32) ^ ((r >> 2) & 1)) * 16 + n / 2] >> (n % 2 * 4) & 15;
    return __fmul_rn(half_value(*(const uint16_t*)(tile + 2048 + r * 4 + i / 32 * 2)), (float)(q - 8));
  }
};
struct Mxfp4Table {
  static __device__ __forceinline__ float element(const Embed& a, int row, int k) {
    const unsigned char* tile = (const unsigned char*)a.table + ((int64_t)(row / TILE) * a.tableStride + k / TILE) * Mxfp4Tile::BYTES;
    int r = row % TILE, i = k % TILE, n = place_of_nibble(i % 32);
    int q = tile[r * 32 + ((i / 32) ^ ((r >> 2) & 1)) * 16 + n / 2] >> (n % 2 * 4) & 15;
    return bf16_low(PowerScale(tile[2048 + r * 2 + i / 32], 0.0f).pair(q));
  }
};

template <class Table> __device__ __forceinline__ void embed_row(const Embed& a) {
  let_later_begin();
  wait_for_earlier();
  int row = blockIdx.x;
  if (row >= a.step->rows) return;
  int from = array<int32_t>(a.step, a.ofPositions ? a.step->positions : a.step->tokens)[row];
  float* out = a.out + (int64_t)row * a.outStride;
  for (int k = threadIdx.x; k < a.columns; k += blockDim.x) out[k] = Table::element(a, from, k);
}

} // namespace serval

KERNEL(embed_f32, Embed, 256, 1, 0) { serval::embed_row<serval::F32Table>(a); }
KERNEL(embed_f16, Embed, 256, 1, 0) { serval::embed_row<serval::F16Table>(a); }
KERNEL(embed_bf16, Embed, 256, 1, 0) { serval::embed_row<serval::Bf16Table>(a); }
KERNEL(embed_q8_0, Embed, 256, 1, 0) { serval::embed_row<serval::Q8Table>(a); }
KERNEL(embed_q4_0, Embed, 256, 1, 0) { serval::embed_row<serval::Q4Table>(a); }
KERNEL(embed_mxfp4, Embed, 256, 1, 0) { serval::embed_row<serval::Mxfp4Table>(a); }

KERNEL(rms_norm, RmsNorm, 256, 1, 0) { serval::RmsNormRow(a, false).run(); }
KERNEL(rms_norm_operand, RmsNorm, 256, 1, 0) { serval::RmsNormRow(a, true).run(); }
KERNEL(rms_norm_add, RmsNorm, 256, 1, 0) { serval::RmsNormRow(a, false, true).run(); }
KERNEL(layer_norm, LayerNorm, 256, 1, 0) { serval::LayerNormRow(a, false).run(); }
KERNEL(layer_norm_operand, LayerNorm, 256, 1, 0) { serval::LayerNormRow(a, true).run(); }
KERNEL(layer_norm_add, LayerNorm, 256, 1, 0) { serval::LayerNormRow(a, false, true).run(); }

KERNEL(add_scaled, AddScaled, 256, 1, 0) {
  using namespace serval;
  let_later_begin();
  wait_for_earlier();
  int row = blockIdx.x;
  if (row >= a.step->rows) return;
  const float* in = a.in + (int64_t)row * a.inStride;
  float* out = a.out + (int64_t)row * a.outStride;
  for (int k = threadIdx.x; k < a.columns; k += blockDim.x) out[k] = __fadd_rn(out[k], __fmul_rn(in[k], a.factor));
}

KERNEL(multiply_rows, Multiply, 256, 1, 0) {
  using namespace serval;
  let_later_begin();
  wait_for_earlier();
  int row = blockIdx.x;
  if (row >= a.step->rows) return;
  const float* in = a.in + (int64_t)row * a.inStride;
  Rows rows = {a.out, a.outStride, a.outOperand != 0};
  for (int c = threadIdx.x; c < rows.groups(a.columns); c += blockDim.x) {
    Eight e = none();
    if (8 * c < a.columns) {
      Eight x = load_eight(in, 8 * c, a.columns), by = load_eight(a.factors, 8 * c, a.columns);
      for (int i = 0; i < 8; i++) e.x[i] = __fmul_rn(x.x[i], by.x[i]);
    }
    rows.store(row, 8 * c, a.columns, e);
  }
}

KERNEL(rescale, Rescale, 256, 1, 0) {
  using namespace serval;
  __shared__ float2 room[8];
  let_later_begin();
  wait_for_earlier();
  int row = blockIdx.x;
  if (row >= a.step->rows) return;
  const float* like = a.like + (int64_t)row * a.likeStride;
  float* rows = a.rows + (int64_t)row * a.stride;
  float wanted = 0.0f, found = 0.0f;
  for (int k = threadIdx.x; k < a.columns; k += blockDim.x) {
    wanted = __fmaf_rn(like[k], like[k], wanted);
    found = __fmaf_rn(rows[k], rows[k], found);
  }
  float2 sums = block_sums(wanted, found, room);
  float least = fmaxf(__fdiv_rn(sums.y, (float)a.columns), 1e-5f);
  float factor = __fsqrt_rn(__fdiv_rn(__fdiv_rn(sums.x, (float)a.columns), least));
  for (int k = threadIdx.x; k < a.columns; k += blockDim.x) rows[k] = __fmul_rn(rows[k], factor);
}

// A thread has all buffers' elements of a column before it writes any.
KERNEL(mix, Mix, 256, 1, 0) {
  using namespace serval;
  let_later_begin();
  wait_for_earlier();
  int row = blockIdx.x;
  if (row >= a.step->rows) return;
  const float* shares = a.shares + (int64_t)row * a.sharesStride;
  for (int k = blockIdx.y * blockDim.x + threadIdx.x; k < a.columns; k += gridDim.y * blockDim.x) {
    int64_t at = (int64_t)row * a.stride + k;
    float x[MAX_MIXED];
#pragma unroll
    for (int j = 0; j < MAX_MIXED; j++) x[j] = j < a.ins ? ((const float*)a.in[j])[at] : 0.0f;
    for (int i = 0; i < a.outs; i++) {
      float sum = 0.0f;
#pragma unroll
      for (int j = 0; j < MAX_MIXED; j++)
        if (j < a.ins) sum = __fadd_rn(sum, __fmul_rn(shares[i * a.ins + j], x[j]));
      float* out = (float*)a.out[i] + at;
      *out = __fadd_rn(*out, sum);
    }
  }
}

// How far gates are from their mean is summed once that is known, so that little is rounded off.
KERNEL(sparsify, Sparsify, 256, 1, 0) {
  using namespace serval;
  __shared__ float2 room[2][8];
  let_later_begin();
  wait_for_earlier();
  int row = blockIdx.x;
  if (row >= a.step->rows) return;
  float* gates = a.gates + (int64_t)row * a.stride;
  float sum = 0.0f;
  for (int k = threadIdx.x; k < a.columns; k += blockDim.x) sum = __fadd_rn(sum, gates[k]);
  float mean = __fdiv_rn(block_sums(sum, 0.0f, room[0]).x, (float)a.columns);
  float rest = 0.0f, squares = 0.0f;
  for (int k = threadIdx.x; k < a.columns; k += blockDim.x) {
    float apart = __fsub_rn(gates[k], mean);
    rest = __fadd_rn(rest, apart);
    squares = __fmaf_rn(apart, apart, squares);
  }
  float2 sums = block_sums(rest, squares, room[1]);
  mean = __fadd_rn(mean, __fdiv_rn(sums.x, (float)a.columns));
  float deviation = __fsqrt_rn(__fdiv_rn(sums.y, (float)a.columns));
  float least = __fadd_rn(mean, __fmul_rn(a.deviations, deviation));
  for (int k = threadIdx.x; k < a.columns; k += blockDim.x) {
    float above = __fsub_rn(gates[k], least);
    gates[k] = above <= 0.0f ? 0.0f : above;
  }
}

KERNEL(softcap, Softcap, 256, 1, 0) {
  using namespace serval;
  let_later_begin();
  wait_for_earlier();
  int row = blockIdx.y;
  if (row >= a.step->logitRows) return;
  float* scores = a.scores + (int64_t)row * a.stride;
  for (int k = blockIdx.x * blockDim.x + threadIdx.x; k < a.columns; k += gridDim.x * blockDim.x)
    scores[k] = __fmul_rn(a.cap, hyperbolic_tangent(__fdiv_rn(scores[k], a.cap)));
}

KERNEL(round_operand, Round, 256, 1, 0) { serval::round_row(a, false, true); }
KERNEL(round_gather, Round, 256, 1, 0) { serval::round_row(a, true, true); }
KERNEL(gather, Round, 256, 1, 0) { serval::round_row(a, true, false); }

KERNEL(gather_operand, Round, 256, 1, 0) {
  using namespace serval;
  let_later_begin();
  wait_for_earlier();
  int row = blockIdx.x;
  if (row >= a.step->logitRows) return;
  int from = array<int32_t>(a.step, a.step->logitSource)[row];
  for (int c = threadIdx.x; c < tiles_of(a.columns) * 8; c += blockDim.x)
    *(uint4*)((uint16_t*)a.out + operand_chunk(a.outStride, row, 8 * c)) =
        *(const uint4*)((const uint16_t*)a.in + operand_chunk(a.inStride, from, 8 * c));
}

namespace serval {

// What an output element is, given its column.
template <class F> __device__ __forceinline__ void activate_row(const Gated& a, F element) {
  let_later_begin();
  wait_for_earlier();
  int row = blockIdx.x;
  if (row >= a.step->rows) return;
  const float* in = a.in + (int64_t)row * a.inStride;
  Rows rows = {a.out, a.outStride, a.outOperand != 0};
  for (int c = threadIdx.x; c < rows.groups(a.columns); c += blockDim.x) {
    Eight e = none();
    for (int i = 0; i < 8; i++)
      if (8 * c + i < a.columns) e.x[i] = element(in, 8 * c + i);
    rows.store(row, 8 * c, a.columns, e);
  }
}

template <class Function> __device__ __forceinline__ void gate_row(const Gated& a) {
  activate_row(a, [&](const float* in, int k) { return Function::gated(in[k], in[a.columns + k]); });
}

template <class Function> __device__ __forceinline__ void ungated_row(const Gated& a) {
  activate_row(a, [](const float* in, int k) { return Function::alone(in[k]); });
}

} // namespace serval

KERNEL(gated_silu, Gated, 256, 1, 0) { serval::gate_row<serval::Silu>(a); }
KERNEL(gated_gelu, Gated, 256, 1, 0) { serval::gate_row<serval::GeluTanh>(a); }
KERNEL(gated_swiglu_oai, Gated, 256, 1, 0) { serval::gate_row<serval::SwigluOai>(a); }
KERNEL(ungated_gelu, Gated, 256, 1, 0) { serval::ungated_row<serval::GeluTanh>(a); }
KERNEL(ungated_gelu_exact, Gated, 256, 1, 0) { serval::ungated_row<serval::Gelu>(a); }
KERNEL(ungated_tanh, Gated, 256, 1, 0) { serval::ungated_row<serval::Tanh>(a); }
KERNEL(ungated_relu_squared, Gated, 256, 1, 0) { serval::ungated_row<serval::ReluSquared>(a); }

KERNEL(gate_output, GateOutput, 256, 1, 0) {
  using namespace serval;
  let_later_begin();
  wait_for_earlier();
  int row = blockIdx.x;
  if (row >= a.step->rows) return;
  const float *in = a.in + (int64_t)row * a.inStride, *gates = a.gates + (int64_t)row * a.gatesStride;
  Rows rows = {a.out, a.outStride, a.outOperand != 0};
  for (int c = threadIdx.x; c < rows.groups(a.columns); c += blockDim.x) {
    Eight e = none();
    if (8 * c < a.columns) {
      Eight x = load_eight(in, 8 * c, a.columns), by = load_eight(gates, 8 * c, a.columns);
      for (int i = 0; i < 8; i++) e.x[i] = gate(x.x[i], by.x[i]);
    }
    rows.store(row, 8 * c, a.columns, e);
  }
}

KERNEL(copy_columns, CopyColumns, 256, 1, 0) {
  serval::let_later_begin();
  serval::wait_for_earlier();
  int row = blockIdx.x;
  if (row >= a.step->rows) return;
  const float* in = a.in + (int64_t)row * a.inStride;
  float* out = a.out + (int64_t)row * a.outStride;
  for (int i = threadIdx.x; i < a.parts * a.columns; i += blockDim.x) {
    int part = i / a.columns, column = i % a.columns;
    float x = in[(int64_t)part * a.inStep + column];
    out[(int64_t)part * a.outStep + column] = a.factor == 0.0f ? 0.0f : __fmul_rn(x, a.factor);
  }
}
