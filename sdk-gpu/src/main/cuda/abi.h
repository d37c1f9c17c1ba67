// What Java and the kernels agree on: every kernel takes one of these structures by value. The layouts are mirrored in
// dev.serval.gpu.compute and compared with what a C compiler makes of them by a test. Sizes are in elements, offsets in bytes.
// Which kernel takes which structure, in which blocks, stands in kernels.md and, for programs, in kernels.txt among the resources.
//
// Packed matrices: [row tile of 64][k tile of 64], rows and columns padded with zeros. A tile of
//   BF16: 8192 bytes, 64 rows of 128 bytes; the 16-byte chunk c of row r lies at chunk c ^ (r & 7).
//   Q8_0: 4352 bytes. 64 rows of 64 signed bytes, the 16-byte chunk c of row r at chunk c ^ ((r >> 1) & 3). Within a chunk, which
//         holds 16 consecutive k, byte 4 t + i holds element 2 t + (i & 1) + 8 (i >> 1): the word t is what lane t of a tensor
//         core's A fragment needs. Then 64 rows of 2 F16 scales, for k 0-31 and 32-63.
//   Q4_0: 2304 bytes. 64 rows of 2 chunks of 16 bytes, which hold 32 consecutive k each; chunk c of row r lies at
//         chunk c ^ ((r >> 2) & 1). Within a chunk, nibble n (from the lowest) of word t holds element
//         2 t + (n >> 2) + 8 (n & 3): nibbles n and n + 4 are neighbours, and words are again what lane t needs.
//         Then the scales, as above.
//   MXFP4: 2176 bytes. Nibbles as those of Q4_0, then 64 rows of 2 bytes, the exponents e for k 0-31 and 32-63.
// F32 and F16 matrices: rows one after the other, `stride` elements apart, stride * element size a multiple of 16.
// Vectors: F32. Activations: F32 rows, a multiple of 4 elements apart.
// Operands (inputs of tensor cores), BF16: [k tile of 64][row][64]; the chunk c of row r of a k tile lies at chunk c ^ (r & 7):
//   element (r, k) at (k / 64) * rows * 64 + r * 64 + (((k % 64 / 8) ^ (r & 7)) * 8) + k % 8, where rows is that of the whole operand,
//   a multiple of OPERAND_ROWS. What rows beyond a step's hold does not matter; columns beyond the real ones are zeros (whoever
//   writes an operand writes those of its rows, to the end of the last k tile).
// KV blocks: [layer of a group][key | value][head][slot][dimension], where layers may be of several shapes, rows as the type stores them (Q8_0: blocks of 34 bytes). In
// groups of their own the states of other layers as they are after the block's last token that was computed, a layer's after another's, F32:
//   [taps - 1][channels], rows as they go into the convolution, the oldest first; then [value head][keyDim][valueDim] where heads
//   have matrices.
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
// The most rows (tokens times the query heads of a key head) of a Tile.
constexpr int TILE_QUERIES = 128;
// The most experts of a layer.
constexpr int MAX_EXPERTS = 1024;
// The most buffers of rows that are mixed with each other.
constexpr int MAX_MIXED = 8;
// The most heads that are mapped by one launch.
constexpr int MAX_HEADS = 128;
// What a draw gives where the scores are unusable: their largest is no finite number.
constexpr int NO_TOKEN = -1;
// The mark of a token of the prompt in a count table; the bits below count how often it was generated.
constexpr uint32_t SEEN = 0x80000000u;

// One step. Lies at the beginning of a device buffer that is filled by one copy; the arrays follow at these offsets from its
// beginning, which stay the same for a backend's life. Offsets are multiples of 16. The copy ends before the step's first kernel
// begins: kernels read a step, like weights, before those before them have ended.
struct Step {
  int32_t rows;        // tokens
  int32_t sequences;   // runs
  int32_t logitRows;   // runs whose last row's scores are wanted
  int32_t tiles;       // tiles of runs of more than one row
  int32_t parts;       // parts of runs of one row
  int32_t draws;       // tokens to be drawn
  int32_t tokens;      // int[rows]: ids
  int32_t positions;   // int[rows]
  int32_t sequenceOf;  // int[rows]: which run a row belongs to
  int32_t firstRow;    // int[sequences + 1]
  int32_t logitSource; // int[logitRows]: the row whose scores are wanted
  int32_t tileOf;      // Tile[tiles], best those first that see most positions
  int32_t partOf;      // Part[parts]: of each run of one row all parts from 0 to that of its position, in order
  int32_t tableBegin;  // int[sequences]: where a run's block table begins in blocks
  int32_t blocks;      // int[]: block tables, one after the other: of each block of tokens those of all groups of layers; -1 where nobody sees it any more
  int32_t drawOf;      // Draw[draws]
  int32_t biases;      // Bias[]: those of all draws
  int32_t unused;
};

// Consecutive rows of one run that are attended together: at most max(1, TILE_QUERIES / (heads / kvHeads)).
struct Tile {
  int32_t sequence;
  int32_t firstRow;
  int32_t rows;
};

// Positions [PART * part, PART * (part + 1)) of a run of one row.
struct Part {
  int32_t sequence;
  int32_t part;
};

// A token to be drawn, by the rules of dev.serval.api.Sampling and the numbers of SplitMix64.
struct Draw {
  double temperature; // 0: the largest logit
  double topP;
  double minP;
  double repetition;
  double presence;
  double frequency;
  uint64_t state;     // mix(seed)
  uint64_t drawn;     // how many were drawn before
  int32_t row;        // of the logits
  int32_t topK;       // 0 for all
  int32_t counts;     // which count table; -1 for none: no penalties
  int32_t firstBias;
  int32_t biasCount;
  int32_t unused;
};

struct Bias {
  int32_t token;      // each at most once for a draw
  float bias;
};

// Where each of dev.serval.api.compute.CodeBook's books begins among all: entries of eight numbers of a byte, those of IQ3 of four.
enum Book { IQ1_BOOK = 0, IQ2_XXS_BOOK = IQ1_BOOK + 2048 * 8, IQ2_XS_BOOK = IQ2_XXS_BOOK + 256 * 8, IQ2_S_BOOK = IQ2_XS_BOOK + 512 * 8,
            IQ3_XXS_BOOK = IQ2_S_BOOK + 1024 * 8, IQ3_S_BOOK = IQ3_XXS_BOOK + 256 * 4, ALL_BOOKS = IQ3_S_BOOK + 512 * 4 };

// Takes over rows of a matrix as stored: to the packed layout, or row-major for F32 and F16. The matrix is zeroed before its
// first part arrives.
struct Pack {
  const void* source;   // whole rows, as stored, one after the other
  void* target;         // the matrix
  const int8_t* books;  // of types that have code books
  int32_t rows;         // of this part
  int32_t columns;      // elements of a row
  int32_t firstRow;     // where the part begins in the matrix
  int32_t targetStride; // elements of a row-major row, or k tiles of a packed row tile
};

// A packed BF16 matrix or an operand as rows of BF16, one after the other, to the end of their last k tile.
struct Unpack {
  const void* source;
  void* target;
  int32_t kTiles;   // of a row
  int32_t tileRows; // rows that a k tile holds: TILE of a matrix, all of an operand
};

// A vector as F32.
struct Widen {
  const void* source;
  float* target;
  int32_t count;
  int32_t unused;
};

// out[r] = table[token(r)], or table[position(r)]. Neither is checked here.
struct Embed {
  const Step* step;
  const void* table;
  float* out;
  int32_t columns;
  int32_t tableStride; // as Pack.targetStride
  int32_t outStride;
  int32_t ofPositions;
};

// out = in / sqrt(mean(in^2) + epsilon) * gain, as F32 rows (which may be `in`) or as an operand; or rows += that.
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

// out = (in - mean(in)) / sqrt(mean((in - mean(in))^2) + epsilon) * gain + bias, likewise.
struct LayerNorm {
  const Step* step;
  const float* in;
  const float* gain;
  const float* bias; // null for none
  void* out;
  int32_t columns;
  int32_t inStride;
  int32_t outStride;
  float epsilon;
};

// out += in * factor, F32 rows.
struct AddScaled {
  const Step* step;
  const float* in;
  float* out;
  int32_t columns;
  int32_t inStride;
  int32_t outStride;
  float factor;
};

// out = in * factors, element by element, as F32 rows or as an operand.
struct Multiply {
  const Step* step;
  const float* in;
  const float* factors;
  void* out;
  int32_t columns;
  int32_t inStride;
  int32_t outStride; // elements of a row, or rows of the operand
  int32_t outOperand;
};

// rows *= sqrt(mean(like^2) / max(mean(rows^2), 1e-5)), F32 rows.
struct Rescale {
  const Step* step;
  const float* like;
  float* rows;
  int32_t columns;
  int32_t likeStride;
  int32_t stride;
  int32_t unused;
};

// out[i] += the sum over j of shares[i * ins + j] * in[j], F32 rows. What is added counts as it is before.
struct Mix {
  const Step* step;
  const float* shares;
  int32_t columns;
  int32_t stride;       // of all buffers alike
  int32_t sharesStride;
  int32_t ins;
  int32_t outs;
  int32_t unused;
  uint64_t in[MAX_MIXED];  // addresses
  uint64_t out[MAX_MIXED]; // likewise; those of some of `in` may be among them
};

// Gates become max(0, gate - (mean + deviations * the standard deviation of the row's gates)), in place.
struct Sparsify {
  const Step* step;
  float* gates;
  int32_t columns; // gates of a row
  int32_t stride;
  float deviations;
  int32_t unused;
};

// Scores become cap * tanh(score / cap).
struct Softcap {
  const Step* step;
  float* scores;   // step->logitRows rows
  int32_t columns;
  int32_t stride;
  float cap;       // above 0
  int32_t unused;
};

// Some columns of rows, F32, multiplied, in several parts that are equally far apart: from and to the first of the first part.
struct CopyColumns {
  const Step* step;
  const float* in;
  float* out;
  int32_t inStride;
  int32_t outStride;
  int32_t parts;
  int32_t columns; // of a part
  int32_t inStep;  // from one part to the next
  int32_t outStep;
  float factor;    // they are multiplied by; 0 makes them 0, whatever they are
  int32_t unused;
};

// F32 rows to an operand, or gathers the rows that logits are wanted of, one after the other.
struct Round {
  const Step* step;
  const void* in;    // F32 rows, or an operand
  void* out;
  int32_t columns;
  int32_t inStride;  // elements of a row, or rows of the operand
  int32_t outStride; // likewise
  int32_t unused;
};

// out = in x weight^T + bias, or out += that; gated: out = silu(first half) * second half.
struct Linear {
  const Step* step;
  const void* in;      // an operand; F32 rows for F32 and F16 weights
  const void* weight;
  const float* bias;   // null for none
  void* out;           // F32 rows; gated: an operand
  float* partials;     // where segments are summed apart (gridDim.z > 1): float[token tiles][row tiles][segments][64 * N], gated twice that
  int32_t* arrivals;   // likewise: int[token tiles][row tiles], 0 between launches
  int32_t ofLogits;    // rows are step->logitRows in place of step->rows
  int32_t inStride;    // rows of the operand, or elements of an F32 row
  int32_t weightRows;  // real rows; gated: both halves, each a multiple of 64
  int32_t columns;     // real columns
  int32_t weightStride; // k tiles of a packed row tile, or elements of a row-major row
  int32_t segments;    // at most MAX_SEGMENTS; segment s covers k tiles [s * kTiles / segments, (s + 1) * kTiles / segments)
  int32_t outStride;   // elements of a row; gated: rows of the operand
  int32_t outColumn;   // where the weight's first row goes; gated: 0
  int32_t add;         // 1: added to what is there
  int32_t unused;
};

// out = in x weight^T of some heads, gridDim.z of them, each of its own columns by its own weight.
struct HeadLinear {
  const Step* step;
  const void* in;       // the first head's: an operand; F32 rows for F32 and F16 weights
  float* out;           // F32 rows
  int64_t inStep;       // from one head's input to the next one's, in bytes: operands in whole k tiles, rows in multiples of 16
  int32_t inStride;     // as those of Linear
  int32_t weightRows;
  int32_t columns;
  int32_t weightStride;
  int32_t segments;     // summed one after the other
  int32_t outStride;
  int32_t outColumn;    // where the first head's first row goes
  int32_t outStep;      // columns from there to the next head's
  uint64_t weights[MAX_HEADS]; // addresses: all of the same shape and type
};

// Turns queries and keys, before or behind norms if there are any, and writes keys and values to the cache. Queries are turned in place.
struct RotateStore {
  const Step* step;
  float* qkv;
  const float* queryNorm; // null for none
  const float* keyNorm;   // of latent attention, over what is a value
  const float* valueNorm;
  const float* queryTurns; // [position][pair] of (cosine, sine)
  const float* keyTurns;
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
  int32_t pairs;          // that positions turn; what lies behind them is kept as it is
  int32_t valueDim;
  int32_t inputs;         // what rows have: 0 queries, keys and values, LATENT, or QUERIES alone
  int32_t normsBehind;    // 1: norms take what is turned; not of latent attention
  int32_t groups;         // of layers: how many blocks hold a block's tokens
  int32_t group;          // that of this layer
  int32_t unused;
};

// Attention of a step's rows over the cache. Whatever slots hold that no row of the step has a right to see does not matter.
struct Attention {
  const Step* step;
  const float* qkv;    // queries turned
  const void* kv;
  void* out;           // F32 rows, or an operand
  float* partials;     // float[step->parts][heads][headDim + 4], of parts that are attended apart
  int32_t* arrivals;   // int[sequences][kvHeads], 0 between launches
  const float* sinks;  // float[heads]: a score of each head that takes its share and gives nothing, not to be scaled; null for none
  int64_t blockBytes;
  int64_t layerOffset; // of this layer's keys in a block
  int32_t stride;      // elements of a row of qkv
  int32_t heads;
  int32_t kvHeads;
  int32_t headDim;
  int32_t blockTokens;
  int32_t window;      // positions seen, the row's own included; or those of a chunk
  int32_t outStride;   // elements of a row, or rows of the operand
  int32_t outOperand;  // 1: an operand
  float scale;         // above 0
  float softcap;       // scores become softcap * tanh(score / softcap); 0 for none. Only of `attention_simt_`
  int32_t valueDim;    // that of keys but for `attention_simt_`
  int32_t chunked;     // 1: positions of a row's chunk are seen; chunks lie one after the other from position 0 on
  int32_t groups;      // of layers: how many blocks hold a block's tokens
  int32_t group;       // that of this layer
};

// out = function(gate, up), or of what is there alone
struct Gated {
  const Step* step;
  const float* in; // [gate | up], or as wide as out
  void* out;
  int32_t columns; // of out
  int32_t inStride;
  int32_t outStride;
  int32_t outOperand;
};

// out = in * 1 / (1 + exp(-gates)), as F32 rows (which may be `in`) or as an operand.
struct GateOutput {
  const Step* step;
  const float* gates;
  const float* in;
  void* out;
  int32_t columns;
  int32_t gatesStride;
  int32_t inStride;
  int32_t outStride; // elements of a row, or rows of the operand
  int32_t outOperand;
  int32_t unused;
};

// A layer whose heads have matrices, as dev.serval.api.compute.DeltaNetSpec or StateSpaceSpec has it, of any runs.
struct Recall {
  const Step* step;
  const float* in;              // delta networks: [queries | keys | values | output gates | write strengths | decays];
                                // state spaces: [output gates | values | keys | queries | time steps]
  const float* convolution;     // float[taps][channels]; channels are queries, keys and values, in the order they have there
  const float* convolutionBias; // float[channels], or null
  const float* decay;           // float[valueHeads]
  const float* timeBias;        // float[valueHeads]
  const float* skip;            // float[valueHeads], of state spaces
  const float* norm;            // float[valueDim]; state spaces: of all value heads' columns, or null
  float* between;               // F32 rows of channels: what they become, then in the place of values what is recalled
  void* out;                    // F32 rows, or an operand
  void* kv;
  int64_t blockBytes;
  int64_t stateOffset;          // of this layer's state in a block
  int32_t inStride;
  int32_t betweenStride;
  int32_t outStride;            // elements of a row, or rows of the operand
  int32_t outOperand;
  int32_t keyHeads;             // or groups
  int32_t valueHeads;
  int32_t keyDim;
  int32_t valueDim;
  int32_t taps;
  int32_t tiled;                // 1: value head h goes with key head h % keyHeads, else h / (valueHeads / keyHeads)
  int32_t normParts;            // of a row, each with a norm of its own; as many as value heads where there is none
  int32_t blockTokens;
  int32_t groups;               // of layers: how many blocks hold a block's tokens
  int32_t group;                // that of this layer
  float epsilon;
  int32_t unused;
};

// A layer that is a short convolution, as dev.serval.api.compute.ShortConvolutionSpec has it, of any runs.
struct ShortConvolution {
  const Step* step;
  const float* in;     // [gates before | gates behind | values]
  const float* kernel; // float[taps][width]
  void* out;           // F32 rows, or an operand
  void* kv;
  int64_t blockBytes;
  int64_t stateOffset; // of this layer's state in a block
  int32_t inStride;
  int32_t outStride;   // elements of a row, or rows of the operand
  int32_t outOperand;
  int32_t width;
  int32_t taps;
  int32_t blockTokens;
  int32_t groups;      // of layers: how many blocks hold a block's tokens
  int32_t group;       // that of this layer
};

// Chooses each row's experts: those that rank highest by their scores, of equal ones the first, and of its best groups alone where
// there are any; groups are of consecutive experts, and of equal ones the first are best. A row with a rank that is no number goes
// to the first experts, and its shares are none.
struct Route {
  const Step* step;
  const float* products;      // F32 rows: those of the router's map
  const float* selectionBias; // float[count]: added to scores where experts are chosen; null for none
  const float* expertScales;  // float[count]: by what experts count besides; null for none
  int32_t* experts;           // int[rows][used]: ascending
  float* shares;              // float[rows][used]: score * factor, of a softmax or 1 / (1 + exp(-product))
  int32_t count;              // experts, at most MAX_EXPERTS
  int32_t stride;             // elements of a row of products
  int32_t used;               // experts that a row goes to, at most count
  int32_t normalised;         // 1: scores are divided by the sum of the chosen ones
  float factor;
  int32_t sigmoid;            // 1: scores are those of the logistic function, else of a softmax
  int32_t groups;             // of count / groups experts each; 1 for none
  int32_t groupsUsed;         // groups that a row's experts are in, at most groups; used experts fit in them
  int32_t twoHighest;         // 1: groups rank by the sum of their two highest ranks, else by the highest
  int32_t unused;
};

// Routes of one expert that lie one after the other and are multiplied together.
struct RouteTile {
  int32_t expert;
  int32_t first;
  int32_t count;
};

// Brings the routes of some rows into order: expert by expert, and those of an expert row by row. What comes out takes the place of
// a step for kernels that go route by route; its `rows` are the routes, its `tiles` those of `tileOf`, and nothing else of it is
// set. Unlike a step it is written by a kernel, so kernels read it once those before them have ended.
struct SortRoutes {
  const Step* step;
  const int32_t* experts; // int[rows][used]
  Step* routes;
  RouteTile* tileOf;      // of at most tileRoutes routes each
  int32_t* sources;       // int[routes]: which row a route is of
  int32_t* places;        // int[rows][used]: where a row's routes went
  int32_t count;          // experts
  int32_t used;
  int32_t firstRow;       // the rows from here on,
  int32_t mostRows;       // at most so many
  int32_t tileRoutes;
  int32_t unused;
};

// out = in x weight^T + bias for each route by those of its expert; gated: out = function(first half, second half).
struct RoutedLinear {
  const Step* routes;
  const RouteTile* tileOf;
  const int32_t* sources;  // which row of `in` a route takes; null: route r takes row r
  const uint64_t* weights; // addresses: the weight of each expert, all of the same shape and type
  const uint64_t* biases;  // addresses: the bias of each expert, F32; null for none
  const void* in;          // an operand; F32 rows for F32 and F16 weights
  void* out;               // a row for each route: F32; gated: an operand
  int32_t inStride;        // as those of Linear
  int32_t weightRows;
  int32_t columns;
  int32_t weightStride;
  int32_t outStride;
  int32_t outColumn;
};

// rows[route] *= share of each of a row's routes.
struct ScaleRoutes {
  const Step* step;
  const int32_t* places;
  const float* shares;
  float* rows;        // F32 rows, one for each route
  int32_t columns;
  int32_t stride;
  int32_t used;
  int32_t firstRow;   // the rows from here on,
  int32_t mostRows;   // at most so many
  int32_t unused;
};

// out[r] += share * given of each of a row's routes, the first expert first.
struct AddRoutes {
  const Step* step;
  const int32_t* places;
  const float* shares; // null for 1
  const float* given; // F32 rows, one for each route
  float* out;         // F32 rows
  int32_t columns;
  int32_t givenStride;
  int32_t outStride;
  int32_t used;
  int32_t firstRow;   // the rows from here on,
  int32_t mostRows;   // at most so many
};

// Draws the step's tokens. Logits of rows that are drawn from are changed by penalties and biases; counts by what is drawn.
struct Sample {
  const Step* step;
  float* logits;
  uint32_t* counts;    // uint32[tables][vocabulary]: SEEN and how often generated
  int32_t* tokens;     // int[draws]: ids, or NO_TOKEN
  int32_t vocabulary;
  int32_t stride;      // elements of a row of logits
};

// Marks tokens in a count table, which is zeroed before: SEEN for those of the prompt, one more for each generated.
struct Count {
  const int32_t* tokens;
  uint32_t* counts;    // the table of one sequence
  int32_t prompt;      // the first so many tokens are the prompt's
  int32_t total;
};

} // namespace serval
