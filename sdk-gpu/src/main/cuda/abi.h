// What Java and the kernels agree on: every kernel takes one of these structures by value. The layouts are mirrored in
// dev.serval.gpu.compute and compared with what a C compiler makes of them by a test. Sizes are in elements, offsets in bytes.
#pragma once

#include <stdint.h>

namespace serval {

// Rows and columns of a tile of a packed matrix, and of an operand's k tile.
constexpr int TILE = 64;
// The rows of an operand are padded to a multiple of this.
constexpr int OPERAND_ROWS = 128;
// Positions of a part of a sequence's keys and values: parts are attended apart and merged in order.
constexpr int PART = 256;
// The most parts of a row of a product that are summed apart.
constexpr int MAX_SEGMENTS = 8;

// One step. Lies at the beginning of a device buffer that is filled by one copy; the arrays follow at these offsets from its
// beginning, which stay the same for a backend's life.
struct Step {
  int32_t rows;        // tokens
  int32_t sequences;   // runs
  int32_t logitRows;   // runs whose last row's scores are wanted
  int32_t decodes;     // runs of one row
  int32_t tiles;       // tiles of runs of more than one row
  int32_t tokens;      // int[rows]: ids
  int32_t positions;   // int[rows]
  int32_t sequenceOf;  // int[rows]: which run a row belongs to
  int32_t firstRow;    // int[sequences + 1]
  int32_t logitSource; // int[logitRows]: the row whose scores are wanted
  int32_t decodeOf;    // int[decodes]: which runs these are
  int32_t tileOf;      // Tile[tiles]
  int32_t tableBegin;  // int[sequences]: where a run's block table begins in blocks
  int32_t blocks;      // int[]: block tables, one after the other
};

// Consecutive rows of one run that are attended together.
struct Tile {
  int32_t sequence;
  int32_t firstRow;
  int32_t rows;
};

// Takes over rows of a matrix as stored: to the packed layout, or row-major for F32 and F16.
struct Pack {
  const void* source;   // whole rows, as stored
  void* target;         // the matrix
  int32_t rows;         // of this part
  int32_t columns;      // elements of a row
  int32_t firstRow;     // where the part begins in the matrix
  int32_t targetStride; // elements of a row-major row, or k tiles of a packed row tile
};

// A vector as F32.
struct Widen {
  const void* source;
  float* target;
  int32_t count;
};

// out[r] = table[token(r)]
struct Embed {
  const Step* step;
  const void* table;
  float* out;
  int32_t columns;
  int32_t tableStride; // as Pack.targetStride
  int32_t outStride;
  int32_t maxRows;
};

// out = in / sqrt(mean(in^2) + epsilon) * gain, as F32 rows or as an operand.
struct RmsNorm {
  const Step* step;
  const float* in;
  const float* gain;
  void* out;
  int32_t columns;
  int32_t inStride;
  int32_t outStride; // elements of a row, or rows of the operand
  float epsilon;
};

// F32 rows to an operand; with `gather`, the rows that logits are wanted of, one after the other.
struct Round {
  const Step* step;
  const void* in; // F32 rows, or an operand of inStride rows (round_gather_operand)
  void* out;
  int32_t columns;
  int32_t inStride;
  int32_t outRows; // rows of the operand
  int32_t gather;
};

// out = in x weight^T + bias, or out += that; gated: out = silu(first half) * second half.
struct Linear {
  const Step* step;
  const void* in;      // an operand; F32 rows for F32 and F16 weights
  const void* weight;
  const float* bias;   // null for none
  void* out;           // F32 rows; gated: an operand
  float* partials;     // room for segments that are summed apart
  int32_t* arrivals;   // one for each tile, 0 between launches
  int32_t ofLogits;    // rows are step->logitRows in place of step->rows
  int32_t inRows;      // rows of the operand; the stride of F32 rows
  int32_t weightRows;  // real rows; gated: both halves
  int32_t columns;     // real columns
  int32_t rowTiles;
  int32_t kTiles;
  int32_t segments;    // at most MAX_SEGMENTS; segment s covers k tiles [s * kTiles / segments, (s + 1) * kTiles / segments)
  int32_t outStride;   // elements of a row; gated: rows of the operand
  int32_t outColumn;   // where the weight's first row goes
  int32_t add;         // 1: added to what is there
};

// Turns queries and keys, after norms if there are any, and writes keys and values to the cache.
struct RotateStore {
  const Step* step;
  float* qkv;
  const float* queryNorm; // null for none
  const float* keyNorm;
  const float* turns;     // [position][pair] of (cosine, sine)
  void* kv;               // the KV memory
  int64_t blockBytes;
  int64_t layerOffset;    // of this layer's keys in a block
  int32_t stride;         // elements of a row of qkv
  int32_t heads;
  int32_t kvHeads;
  int32_t headDim;
  int32_t blockTokens;
  int32_t interleaved;    // pairs are neighbours, else halves
  float normEpsilon;
};

// Attention of a step's rows over the cache.
struct Attention {
  const Step* step;
  const float* qkv;
  const void* kv;
  void* out;           // F32 rows, or an operand
  float* partials;     // room for parts that are attended apart
  int32_t* arrivals;   // 0 between launches
  int64_t blockBytes;
  int64_t layerOffset;
  int32_t stride;
  int32_t heads;
  int32_t kvHeads;
  int32_t headDim;
  int32_t blockTokens;
  int32_t window;      // positions seen, the row's own included
  int32_t outStride;   // elements of a row, or rows of the operand
  int32_t outOperand;  // 1: an operand
  int32_t maxParts;    // parts that partials has room for, for each sequence
  float scale;
};

// out = silu(gate) * up
struct GatedSilu {
  const Step* step;
  const float* in; // [gate | up]
  void* out;
  int32_t columns; // of out
  int32_t inStride;
  int32_t outStride;
  int32_t outOperand;
};

} // namespace serval
