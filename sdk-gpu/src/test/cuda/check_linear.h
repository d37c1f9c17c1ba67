// Linear maps: right against float64, the same bits whatever is in the step and however it is launched, and how fast.
#pragma once

#include "../../main/cuda/abi.h"
#include "check.h"
#include "check_kernels.h"

namespace linear {

using serval::Linear;
using serval::Step;

struct Type {
  const char* name;
  int tileBytes;
  int number;
};
constexpr Type BF16 = {"bf16", 8192, 0}, Q8_0 = {"q8_0", 4352, 1}, Q4_0 = {"q4_0", 2304, 2}, MXFP4 = {"mxfp4", 2176, 3};
constexpr Type TYPES[] = {BF16, Q8_0, Q4_0, MXFP4};

struct Shape {
  int weightRows, columns;
  bool gated;
  int kTiles() const { return (columns + 63) / 64; }
  int rowTiles() const { return (weightRows + 63) / 64; }
  int64_t tiles() const { return (int64_t)kTiles() * rowTiles(); }
};

inline int up_to(int x, int multiple) { return (x + multiple - 1) / multiple * multiple; }

// Which family of kernels, and how many tokens a block takes.
struct Variant {
  bool wgmma;
  Type type;
  int n;
  std::string name(bool gated) const {
    return std::string(wgmma ? "wgmma" : "mma") + "_linear_" + type.name + (gated ? "_gated" : "") + "_n" + std::to_string(n);
  }
  std::string file() const { return wgmma ? "linear_hopper" : "linear"; }

  // The grid that suits best, with segments apart or not.
  Grid grid(const Gpu& gpu, const Shape& shape, int rows, int segments, bool apart) const {
    unsigned z = apart ? segments : 1;
    unsigned tokens = (rows + n - 1) / n, rowTiles = shape.rowTiles();
    if (!wgmma) return {shape.gated ? rowTiles / 2 : rowTiles, tokens, z};
    unsigned groups = shape.gated || n >= 64 || type.number != 0 ? (rowTiles + 1) / 2 : rowTiles;
    int blocks = options().number("blocks", gpu.blocks(name(shape.gated))); // on a multiprocessor
    unsigned room = gpu.multiprocessors * blocks / z;
    return {std::max(1u, std::min(groups * tokens, room)), 1, z};
  }
};

inline void fill(Gpu& gpu, CUdeviceptr to, Type type, int64_t tiles, uint64_t seed) {
  if (type.number == 0) {
    gpu.launch(gpu.kernel("check_kernels", "fill_bf16", 256), {8192}, Fill{(void*)to, tiles * 4096, seed, 0.05f});
    return;
  }
  gpu.launch(gpu.kernel("check_kernels", "fill_bytes", 256), {8192}, Fill{(void*)to, tiles * type.tileBytes, seed, 1.0f});
  gpu.launch(gpu.kernel("check_kernels", "fill_scales", 256), {1024}, FillScales{(char*)to, tiles, type.tileBytes, type.number == 1 ? 0x1000 : 0x2000, type.number == 3});
}

inline uint64_t random_of(uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ x >> 27) * 0x94d049bb133111ebull;
  return x ^ x >> 31;
}
inline float uniform(uint64_t seed) { return (float)((int64_t)(random_of(seed) >> 40) - (1 << 23)) / (1 << 23); }
inline uint16_t bf16_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return (uint16_t)(bits >> 16);
}

// An operand on the device: random rows, zeros beyond its columns, and what is no number beyond its rows.
inline CUdeviceptr operand(Gpu& gpu, int rows, int columns, int stride) {
  std::vector<uint16_t> all((size_t)up_to(columns, 64) * stride, 0xffff);
  for (int r = 0; r < rows; r++)
    for (int k = 0; k < up_to(columns, 64); k++)
      all[(size_t)(k / 64) * stride * 64 + (size_t)r * 64 + ((k % 64 / 8) ^ (r & 7)) * 8 + k % 8] =
          k < columns ? bf16_bits(uniform((uint64_t)r << 32 | k)) : 0;
  CUdeviceptr at = gpu.allocate(all.size() * 2);
  gpu.write(at, all.data(), all.size() * 2);
  return at;
}

struct Case {
  Shape shape;
  int rows, segments;
  bool bias, add;
};

// The outputs of one case, and what they should be.
class Trial {
 public:
  Trial(Checks& checks, Type type, const Case& c) : checks(checks), gpu(checks.gpu), type(type), c(c) {
    inStride = up_to(c.rows, 128);
    in = operand(gpu, c.rows, c.shape.columns, inStride);
    weight = gpu.allocate(c.shape.tiles() * type.tileBytes);
    fill(gpu, weight, type, c.shape.tiles(), 77);
    std::vector<float> biases(c.shape.weightRows), before;
    for (int i = 0; i < c.shape.weightRows; i++) biases[i] = uniform(1000000 + i);
    bias = gpu.allocate(biases.size() * 4);
    gpu.write(bias, biases.data(), biases.size() * 4);
    outColumns = c.shape.gated ? c.shape.weightRows / 2 : c.shape.weightRows;
    outStride = c.shape.gated ? up_to(c.rows, 128) : up_to(outColumns + COLUMN + 5, 4);
    outCount = c.shape.gated ? (size_t)outColumns * outStride : (size_t)(c.rows + 3) * outStride;
    out = gpu.allocate(outCount * 4);
    int tokens = up_to(c.rows, 8) / 8 + 16;
    partials = gpu.allocate((size_t)tokens * c.shape.rowTiles() * c.segments * 64 * 128 * 4);
    arrivals = gpu.allocate((size_t)tokens * c.shape.rowTiles() * 4);
    gpu.fill(arrivals, 0, (size_t)tokens * c.shape.rowTiles() * 4);
    step = gpu.allocate(sizeof(Step));
    Step s = {};
    s.rows = c.rows;
    s.logitRows = 1;
    gpu.write(step, &s, sizeof s);
    reference();
  }

  ~Trial() {
    for (CUdeviceptr at : {in, weight, bias, out, partials, arrivals, step}) gpu.release(at);
  }

  void run(const Variant& variant, bool apart, Grid grid, bool early) {
    poison();
    Linear a = {};
    a.step = (const Step*)step;
    a.in = (const void*)in;
    a.weight = (const void*)weight;
    a.bias = c.bias ? (const float*)bias : nullptr;
    a.out = (void*)out;
    a.partials = apart || variant.n < 128 ? (float*)partials : nullptr;
    a.arrivals = apart || variant.n < 128 ? (int32_t*)arrivals : nullptr;
    a.inStride = inStride;
    a.weightRows = c.shape.weightRows;
    a.columns = c.shape.columns;
    a.weightStride = c.shape.kTiles();
    a.segments = c.segments;
    a.outStride = outStride;
    a.outColumn = c.shape.gated ? 0 : COLUMN;
    a.add = c.add;
    gpu.launch(gpu.kernel(variant.file(), variant.name(c.shape.gated)), grid, a, early);
    gpu.wait();
    std::string what = variant.name(c.shape.gated) + " " + name() + (apart ? " apart" : " together") + " grid " + std::to_string(grid.x) + "," +
                       std::to_string(grid.y) + "," + std::to_string(grid.z);
    compare(what);
    if (apart) {
      int64_t left = 0;
      for (int32_t x : gpu.read<int32_t>(arrivals, c.shape.rowTiles())) left += x != 0;
      checks.expect(left == 0, "%s: %lld counters of arrivals are left", what.c_str(), (long long)left);
    }
  }

  double worstNorm = 0, worstElement = 0;

 private:
  static constexpr int COLUMN = 4; // where the out rows' part begins
  Checks& checks;
  Gpu& gpu;
  Type type;
  Case c;
  CUdeviceptr in, weight, bias, out, partials, arrivals, step;
  int inStride, outStride, outColumns;
  size_t outCount;
  std::vector<double> shouldBe; // [rows][outColumns]

  std::string name() const {
    char text[120];
    snprintf(text, sizeof text, "%dx%d%s rows %d segments %d%s%s", c.shape.weightRows, c.shape.columns, c.shape.gated ? " gated" : "", c.rows, c.segments,
             c.bias ? " bias" : "", c.add ? " add" : "");
    return text;
  }

  static float there(size_t i) { return uniform(5000000 + i) * 2; }

  void reference() {
    CUdeviceptr sums = gpu.allocate((size_t)c.rows * c.shape.weightRows * 8);
    Reference r = {(const uint16_t*)in, (const void*)weight, c.bias ? (const float*)bias : nullptr, (double*)sums, c.shape.weightRows,
                   c.shape.columns, inStride, c.shape.kTiles(), type.number};
    gpu.launch(gpu.kernel("check_kernels", "reference_linear", 128), {(unsigned)(c.shape.weightRows + 127) / 128, (unsigned)c.rows}, r);
    gpu.wait();
    std::vector<double> all = gpu.read<double>(sums, (size_t)c.rows * c.shape.weightRows);
    gpu.release(sums);
    shouldBe.resize((size_t)c.rows * outColumns);
    for (int r = 0; r < c.rows; r++)
      for (int i = 0; i < outColumns; i++) {
        double x = all[(size_t)r * c.shape.weightRows + i];
        if (c.shape.gated) x = x / (1 + exp(-x)) * all[(size_t)r * c.shape.weightRows + outColumns + i];
        if (c.add) x += there((size_t)r * outStride + COLUMN + i);
        shouldBe[(size_t)r * outColumns + i] = x;
      }
  }

  void poison() {
    gpu.fill(out, 0xff, outCount * 4);
    if (!c.add) return;
    std::vector<float> before(outCount);
    memset(before.data(), 0xff, outCount * 4);
    for (int r = 0; r < c.rows; r++)
      for (int i = 0; i < outColumns; i++) before[(size_t)r * outStride + COLUMN + i] = there((size_t)r * outStride + COLUMN + i);
    gpu.write(out, before.data(), outCount * 4);
  }

  size_t gated_at(int r, int i) const { return (size_t)(i / 64) * outStride * 64 + (size_t)r * 64 + ((i % 64 / 8) ^ (r & 7)) * 8 + i % 8; }

  void compare(const std::string& what) {
    std::vector<float> is((size_t)c.rows * outColumns);
    int64_t touched = 0;
    if (c.shape.gated) {
      std::vector<uint16_t> all = gpu.read<uint16_t>(out, outCount);
      for (int r = 0; r < c.rows; r++)
        for (int i = 0; i < outColumns; i++) {
          uint32_t bits = (uint32_t)all[gated_at(r, i)] << 16;
          memcpy(&is[(size_t)r * outColumns + i], &bits, 4);
        }
    } else {
      std::vector<uint32_t> all = gpu.read<uint32_t>(out, outCount);
      for (size_t i = 0; i < outCount; i++) {
        int r = (int)(i / outStride), column = (int)(i % outStride) - COLUMN;
        if (r < c.rows && column >= 0 && column < outColumns)
          memcpy(&is[(size_t)r * outColumns + column], &all[i], 4);
        else if (all[i] != 0xffffffffu)
          touched++;
      }
    }
    Distance d = Distance::between(is, [](float x) { return (double)x; }, shouldBe);
    worstNorm = std::max(worstNorm, d.norm);
    worstElement = std::max(worstElement, d.worst);
    double may = c.shape.gated ? 4e-3 : 3e-5;
    checks.expect(d.unwritten == 0, "%s: %lld outputs unwritten or no number", what.c_str(), (long long)d.unwritten);
    checks.expect(touched == 0, "%s: %lld places written that are not its own", what.c_str(), (long long)touched);
    checks.expect(d.norm <= may, "%s: off by %.3g of the norm, worst element %.3g", what.c_str(), d.norm, d.worst);
    same_bits(what, is);
  }

  // Compared with what the first kernel of the family left, perhaps in another process.
  void same_bits(const std::string& what, const std::vector<float>& is) {
    uint64_t sum = 1469598103934665603ull;
    for (size_t i = 0; i < is.size() * 4; i++) sum = (sum ^ ((const unsigned char*)is.data())[i]) * 1099511628211ull;
    std::string family = what.substr(0, what.find("_n")), file = options().folder + "/bits-" + family + "-" + name();
    for (char& letter : file)
      if (letter == ' ') letter = '-';
    std::ifstream in(file);
    uint64_t before;
    if (in >> before) {
      checks.expect(before == sum, "%s: other bits than before", what.c_str());
      return;
    }
    std::ofstream(file) << sum << "\n";
  }
};

inline void check_variant(Checks& checks, const Variant& variant) {
  Gpu& gpu = checks.gpu;
  std::vector<Case> cases;
  for (bool gated : {false, true})
    for (int rows : {1, 5, 8, 17, 64, 100, 128, 300}) {
      Shape small = gated ? Shape{640, 1472, true} : Shape{1000, 1472, false};
      cases.push_back({small, rows, 4, rows % 2 == 0, rows % 4 == 0 && !gated});
      if (rows == 17) {
        cases.push_back({small, rows, 1, false, false});
        cases.push_back({small, rows, 3, true, !gated});
        cases.push_back({small, rows, 8, false, false});
        cases.push_back({gated ? Shape{128, 64, true} : Shape{8, 8, false}, rows, 1, true, false});
      }
    }
  cases.push_back({{4096, 4096, false}, 64, 4, false, true});
  cases.push_back({{4096, 4096, true}, 64, 4, false, false});
  cases.push_back({{4096, 14336, false}, 200, 4, false, true});
  double norm[2] = {}, element[2] = {};
  for (const Case& c : cases) {
    Trial trial(checks, variant.type, c);
    unsigned tokens = (c.rows + variant.n - 1) / variant.n;
    unsigned tiles = c.shape.gated ? c.shape.rowTiles() / 2 : c.shape.rowTiles();
    for (bool apart : {true, false}) {
      if (apart && c.segments == 1) continue;
      unsigned z = apart ? c.segments : 1;
      trial.run(variant, apart, {tiles, tokens, z}, false);
      trial.run(variant, apart, {tiles + 1, tokens + 1, z}, true);
      if (!variant.wgmma) continue;
      trial.run(variant, apart, {3, 1, z}, false);
      trial.run(variant, apart, variant.grid(gpu, c.shape, c.rows, c.segments, apart), true);
    }
    norm[c.shape.gated] = std::max(norm[c.shape.gated], trial.worstNorm);
    element[c.shape.gated] = std::max(element[c.shape.gated], trial.worstElement);
  }
  checks.row("check %-24s off by %.2g of the norm, worst element %.2g; gated %.2g, %.2g", variant.name(false).c_str(), norm[0], element[0], norm[1], element[1]);
}

template <int WGMMA, int TYPE, int N> void check_one(Checks& checks) {
  check_variant(checks, {WGMMA == 1, TYPES[TYPE], N});
}

// Weights in turn, so that none is in the cache from before.
class Timing {
 public:
  Timing(Checks& checks, Type type, size_t poolBytes, int rows) : gpu(checks.gpu), type(type), rows(rows) {
    pool = gpu.allocate(poolBytes);
    bytes = poolBytes;
    int64_t tiles = poolBytes / type.tileBytes;
    fill(gpu, pool, type, tiles, 5);
    stride = up_to(rows, 128);
    in = gpu.allocate((size_t)stride * 14336 * 2);
    gpu.launch(gpu.kernel("check_kernels", "fill_bf16", 256), {4096}, Fill{(void*)in, (int64_t)stride * 14336, 3, 1.0f});
    out = gpu.allocate((size_t)stride * (rows > 64 ? 28672 : 128256) * 4);
    gain = gpu.allocate(4096 * 4);
    gpu.fill(gain, 0, 4096 * 4);
    normed = gpu.allocate((size_t)stride * 4096 * 2);
    partials = gpu.allocate((size_t)256 << 20);
    arrivals = gpu.allocate((size_t)4 << 20);
    gpu.fill(arrivals, 0, (size_t)4 << 20);
    step = gpu.allocate(sizeof(Step));
    Step s = {};
    s.rows = s.logitRows = rows;
    gpu.write(step, &s, sizeof s);
    gpu.wait();
  }

  void start_over() { at = 0; }

  void launch(const Variant& variant, const Shape& shape, int segments, bool apart, bool early) {
    size_t size = shape.tiles() * (size_t)type.tileBytes;
    if (at + size > bytes) at = 0;
    Linear a = {};
    a.step = (const Step*)step;
    a.in = (const void*)in;
    a.weight = (const void*)(pool + at);
    a.out = (void*)out;
    a.partials = (float*)partials;
    a.arrivals = (int32_t*)arrivals;
    a.inStride = stride;
    a.weightRows = shape.weightRows;
    a.columns = shape.columns;
    a.weightStride = shape.kTiles();
    a.segments = segments;
    a.outStride = shape.gated ? stride : shape.weightRows;
    at += size;
    Grid grid = variant.grid(gpu, shape, rows, segments, apart && segments > 1);
    Kernel kernel = gpu.kernel(variant.file(), variant.name(shape.gated));
    if (variant.wgmma && options().number("alone", 1) && grid.x * grid.z <= (unsigned)gpu.multiprocessors) kernel.shared = std::max(kernel.shared, ALONE);
    gpu.launch(kernel, grid, a, early);
  }

  // Its result is not used.
  void norm(bool early) {
    serval::RmsNorm a = {};
    a.step = (const Step*)step;
    a.in = (const float*)out;
    a.gain = (const float*)gain;
    a.out = (void*)normed;
    a.columns = 4096;
    a.inStride = 4096;
    a.outStride = stride;
    a.epsilon = 1e-5f;
    gpu.launch(gpu.kernel("rows", "rms_norm_operand"), {(unsigned)rows}, a, early);
  }

  Gpu& gpu;
  Type type;
  int rows;

 private:
  size_t bytes, at = 0;
  int stride;
  CUdeviceptr pool, in, out, gain, normed, partials, arrivals, step;
};

inline const std::vector<Shape>& layer() {
  static const std::vector<Shape> all = {{6144, 4096, false}, {4096, 4096, false}, {28672, 4096, true}, {4096, 14336, false}};
  return all;
}
constexpr Shape HEAD = {128256, 4096, false};

inline int n_for(int rows) { return rows <= 8 ? 8 : rows <= 16 ? 16 : rows <= 32 ? 32 : rows <= 64 ? 64 : 128; }

// One shape again and again, as a graph.
inline double shape_time(Timing& timing, const Variant& variant, const Shape& shape, int segments, bool early) {
  Gpu& gpu = timing.gpu;
  int many = (int)std::max<int64_t>(4, std::min<int64_t>(24, (int64_t)2000000000 / (shape.tiles() * timing.type.tileBytes)));
  timing.start_over();
  CUgraphExec exec = gpu.record([&] {
    for (int i = 0; i < many; i++) timing.launch(variant, shape, segments, true, early);
  });
  double us = gpu.time(7, [&](int) { gpu.launch(exec); }) / many;
  gpu.driver.cuGraphExecDestroy(exec);
  return us;
}

// Parts of k that are summed apart: the fewer row tiles a matrix has, the more, so that all multiprocessors have work.
inline int segments_of(const Shape& shape) { return shape.kTiles() < 8 || shape.rowTiles() >= 256 ? 1 : shape.rowTiles() >= 96 ? 2 : 4; }

// The layers of a model and its head, as a graph; perhaps with a norm where a model has something between two linear maps.
inline double layers_time(Timing& timing, const Variant& variant, int segments, bool early, bool norms) {
  Gpu& gpu = timing.gpu;
  timing.start_over();
  CUgraphExec exec = gpu.record([&] {
    for (int i = 0; i < 32; i++)
      for (const Shape& shape : layer()) {
        timing.launch(variant, shape, segments > 0 ? segments : segments_of(shape), true, early);
        if (norms && !shape.gated) timing.norm(early);
      }
    timing.launch(variant, HEAD, segments > 0 ? segments : segments_of(HEAD), true, early);
  });
  double us = gpu.time(5, [&](int) { gpu.launch(exec); });
  gpu.driver.cuGraphExecDestroy(exec);
  return us;
}

inline void time_decode(Checks& checks, Type type, int rows, bool wgmma) {
  size_t layers = 0;
  for (const Shape& shape : layer()) layers += shape.tiles() * (size_t)type.tileBytes;
  size_t head = HEAD.tiles() * (size_t)type.tileBytes, all = 32 * layers + head;
  Timing timing(checks, type, all, rows);
  Variant variant = {wgmma, type, n_for(rows)};
  std::vector<Shape> shapes = layer();
  shapes.push_back(HEAD);
  if (options().number("shapes", 1))
    for (const Shape& shape : shapes) {
      char line[200];
      int n = snprintf(line, sizeof line, "time %s rows %d %dx%d%s us (GB/s) by segments:", variant.name(false).c_str(), rows, shape.weightRows, shape.columns,
                       shape.gated ? " gated" : "");
      double size = shape.tiles() * (double)type.tileBytes;
      for (int segments : {1, 2, 4}) {
        double us = shape_time(timing, variant, shape, segments, true);
        n += snprintf(line + n, sizeof line - n, " %d: %.1f (%.0f)", segments, us, size / us / 1e3);
      }
      checks.row("%s", line);
    }
  double plain = layers_time(timing, variant, 0, true, false), normed = layers_time(timing, variant, 0, true, true);
  double apart = layers_time(timing, variant, 0, false, true), four = layers_time(timing, variant, 4, true, true);
  checks.row("time %s rows %d layers and head, us (GB/s): %.0f (%.0f); with norms %.0f (%.0f), not overlapped %.0f (%.0f), always 4 segments %.0f (%.0f)",
             variant.name(false).c_str(), rows, plain, all / plain / 1e3, normed, all / normed / 1e3, apart, all / apart / 1e3, four, all / four / 1e3);
}

inline void time_prefill(Checks& checks, Type type, int rows, bool wgmma) {
  Gpu& gpu = checks.gpu;
  Timing timing(checks, type, (size_t)1 << 30, rows);
  Variant variant = {wgmma, type, 128};
  for (const Shape& shape : layer()) {
    char line[200];
    int n = snprintf(line, sizeof line, "time %s rows %4d %6dx%-5d%s us (TFLOP/s):", variant.name(false).c_str(), rows, shape.weightRows, shape.columns,
                     shape.gated ? " gated" : "      ");
    double work = 2.0 * rows * shape.weightRows * shape.columns / 1e6;
    for (int segments : {1, segments_of(shape), 4}) {
      double us = gpu.time(7, [&](int) { timing.launch(variant, shape, segments, false, false); });
      n += snprintf(line + n, sizeof line - n, " %d segments: %.0f (%.0f)", segments, us, work / us);
    }
    checks.row("%s", line);
  }
}

template <int TYPE, int ROWS, int WGMMA> void decode(Checks& checks) { time_decode(checks, TYPES[TYPE], ROWS, WGMMA == 1); }
template <int TYPE, int ROWS, int WGMMA> void prefill(Checks& checks) { time_prefill(checks, TYPES[TYPE], ROWS, WGMMA == 1); }

static GroupOf n8("wgmma_bf16_n8", 20, check_one<1, 0, 8>), n16("wgmma_bf16_n16", 20, check_one<1, 0, 16>), n32("wgmma_bf16_n32", 20, check_one<1, 0, 32>),
    n64("wgmma_bf16_n64", 20, check_one<1, 0, 64>), n128("wgmma_bf16_n128", 20, check_one<1, 0, 128>);
static GroupOf q8("wgmma_q8_0_n8", 20, check_one<1, 1, 8>), q16("wgmma_q8_0_n16", 20, check_one<1, 1, 16>), q32("wgmma_q8_0_n32", 20, check_one<1, 1, 32>),
    q64("wgmma_q8_0_n64", 20, check_one<1, 1, 64>), q128("wgmma_q8_0_n128", 20, check_one<1, 1, 128>);
static GroupOf f8("wgmma_q4_0_n8", 20, check_one<1, 2, 8>), f16("wgmma_q4_0_n16", 20, check_one<1, 2, 16>), f32("wgmma_q4_0_n32", 20, check_one<1, 2, 32>),
    f64("wgmma_q4_0_n64", 20, check_one<1, 2, 64>), f128("wgmma_q4_0_n128", 20, check_one<1, 2, 128>);
static GroupOf x8("wgmma_mxfp4_n8", 20, check_one<1, 3, 8>), x16("wgmma_mxfp4_n16", 20, check_one<1, 3, 16>), x32("wgmma_mxfp4_n32", 20, check_one<1, 3, 32>),
    x64("wgmma_mxfp4_n64", 20, check_one<1, 3, 64>), x128("wgmma_mxfp4_n128", 20, check_one<1, 3, 128>), mx8("mma_mxfp4_n8", 20, check_one<0, 3, 8>);
static GroupOf m8("mma_bf16_n8", 20, check_one<0, 0, 8>), m64("mma_bf16_n64", 20, check_one<0, 0, 64>), m128("mma_bf16_n128", 20, check_one<0, 0, 128>);
static GroupOf d1("decode_bf16_1", 20, decode<0, 1, 1>), d16("decode_bf16_16", 20, decode<0, 16, 1>), d64("decode_bf16_64", 20, decode<0, 64, 1>);
static GroupOf qd1("decode_q8_0_1", 20, decode<1, 1, 1>), qd16("decode_q8_0_16", 20, decode<1, 16, 1>), qd64("decode_q8_0_64", 20, decode<1, 64, 1>);
static GroupOf fd1("decode_q4_0_1", 20, decode<2, 1, 1>), fd16("decode_q4_0_16", 20, decode<2, 16, 1>), fd64("decode_q4_0_64", 20, decode<2, 64, 1>);
static GroupOf xd1("decode_mxfp4_1", 20, decode<3, 1, 1>), xd16("decode_mxfp4_16", 20, decode<3, 16, 1>), xd64("decode_mxfp4_64", 20, decode<3, 64, 1>);
static GroupOf qp2048("prefill_q8_0_2048", 20, prefill<1, 2048, 1>), fp2048("prefill_q4_0_2048", 20, prefill<2, 2048, 1>);
static GroupOf p8192("prefill_bf16_8192", 20, prefill<0, 8192, 1>), p512("prefill_bf16_512", 20, prefill<0, 512, 1>);

} // namespace linear
