// Each kernel against a reference in float64, over odd shapes; and the bits of a row against those of the same row in other company.
#include "kernel_cases.h"

#include "../../main/cuda/abi.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <string>
#include <time.h>
#include <vector>

namespace serval_cases {

using namespace serval;
using std::string;
using std::vector;
using Rows = vector<vector<double>>;

// ---- numbers

struct Random {
  uint64_t state;
  uint64_t next() {
    state += 0x9e3779b97f4a7c15ull;
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  int below(int n) { return (int)(next() % (uint64_t)n); }
  double unit() { return (double)(next() >> 11) * 0x1p-53; }
  double normal() { return sqrt(-2 * log(1 - unit())) * cos(6.283185307179586 * unit()); }
  template <class T> T one_of(std::initializer_list<T> all) { return all.begin()[below((int)all.size())]; }
};

uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return bits;
}
float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, 4);
  return x;
}
uint16_t to_bf16(double value) {
  float x = (float)value;
  if (x != x) return 0x7fff;
  uint32_t bits = bits_of(x);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
double from_bf16(uint16_t bits) { return float_of((uint32_t)bits << 16); }
double bf16(double x) { return from_bf16(to_bf16(x)); }
double from_half(uint16_t bits) {
  int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  double size = exponent == 0 ? ldexp(mantissa, -24) : exponent == 31 ? (mantissa ? NAN : INFINITY) : ldexp(1024 + mantissa, exponent - 25);
  return bits & 0x8000 ? -size : size;
}
// Of a number within the normal halves.
uint16_t to_half(double x) {
  if (fabs(x) < ldexp(1, -14)) return (uint16_t)((x < 0 ? 0x8000 : 0) | (int)nearbyint(fabs(x) * ldexp(1, 24)));
  int exponent;
  double mantissa = frexp(fabs(x), &exponent); // in [0.5, 1)
  int rounded = (int)nearbyint(mantissa * 2048);
  return (uint16_t)((x < 0 ? 0x8000 : 0) + ((exponent + 14) << 10) + (rounded - 1024));
}

// ---- the run of a case

struct Bench {
  Machine& machine;
  string name;
  int failures = 0;
  int reported = 0;

  void fail(const string& what) {
    failures++;
    if (reported++ < 20) printf("FAILED %s: %s\n", name.c_str(), what.c_str());
  }
  template <class T> T* device(const vector<T>& data) {
    T* at = (T*)machine.allocate(std::max<size_t>(data.size(), 1) * sizeof(T));
    if (!data.empty()) machine.write(at, data.data(), data.size() * sizeof(T));
    return at;
  }
  template <class T> T* room(size_t count) { return (T*)machine.allocate(std::max<size_t>(count, 1) * sizeof(T)); }
  template <class T> vector<T> host(const T* at, size_t count) {
    vector<T> data(count);
    if (count) machine.read(data.data(), at, count * sizeof(T));
    return data;
  }
  template <class A> void launch(const string& kernel, uint32_t x, uint32_t y, uint32_t z, const A& argument) {
    machine.launch(kernel.c_str(), x, y, z, &argument, sizeof(argument));
  }
  void near(double actual, double expected, double off, const string& what) {
    if (expected != expected ? actual == actual : !(fabs(actual - expected) <= off) && actual != expected) {
      char text[200];
      snprintf(text, sizeof text, "%s is %.9g, not %.9g (within %.2g)", what.c_str(), actual, expected, off);
      fail(text);
    }
  }
};

string text(const char* format, ...) __attribute__((format(printf, 1, 2)));
string text(const char* format, ...) {
  char room[300];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(room, sizeof room, format, arguments);
  va_end(arguments);
  return room;
}

int padded(int n, int to) { return (n + to - 1) / to * to; }
int tiles_of(int n) { return (n + TILE - 1) / TILE; }

Rows random_rows(Random& random, int rows, int columns) {
  Rows all(rows, vector<double>(columns));
  for (auto& row : all)
    for (double& x : row) x = (float)random.normal();
  return all;
}

// F32 rows on the machine; what lies between them is no number.
float* put(Bench& bench, const Rows& rows, int stride) {
  vector<float> data(rows.size() * stride, NAN);
  for (size_t r = 0; r < rows.size(); r++)
    for (size_t k = 0; k < rows[r].size(); k++) data[r * stride + k] = (float)rows[r][k];
  return bench.device(data);
}

int64_t operand_at(int operandRows, int r, int k) {
  return (int64_t)(k / 64) * operandRows * 64 + (int64_t)r * 64 + (((k % 64 / 8) ^ (r & 7)) * 8) + k % 8;
}
size_t operand_size(int operandRows, int columns) { return (size_t)tiles_of(columns) * operandRows * 64; }

uint16_t* put_operand(Bench& bench, const Rows& rows, int operandRows, int columns) {
  vector<uint16_t> data(operand_size(operandRows, columns), 0x7fff);
  for (size_t r = 0; r < rows.size(); r++)
    for (int k = 0; k < tiles_of(columns) * 64; k++) data[operand_at(operandRows, (int)r, k)] = k < columns ? to_bf16(rows[r][k]) : 0;
  return bench.device(data);
}

// ---- steps

// What a block table has of a block that is another group's, or behind the window.
constexpr int NOT_THERE = -1;

struct Run {
  int from;            // position of the first row
  int count;
  vector<int> blocks;
  bool logits = true;
};

struct StepData {
  vector<unsigned char> bytes = vector<unsigned char>(sizeof(Step));
  Step header = {};
  template <class T> int32_t append(const vector<T>& data) {
    bytes.resize(padded((int)bytes.size(), 16));
    int32_t at = (int32_t)bytes.size();
    bytes.insert(bytes.end(), (const unsigned char*)data.data(), (const unsigned char*)(data.data() + data.size()));
    return at;
  }
  Step* put(Bench& bench) {
    memcpy(bytes.data(), &header, sizeof header);
    return (Step*)bench.device(bytes);
  }
};

StepData step_of(const vector<Run>& runs, int group, const vector<int>& tokens = {}) {
  StepData data;
  vector<int> positions, sequenceOf, firstRow, logitSource, tableBegin, blocks;
  vector<Tile> tiles;
  vector<Part> parts;
  for (size_t s = 0; s < runs.size(); s++) {
    const Run& run = runs[s];
    int row = (int)positions.size();
    firstRow.push_back(row);
    tableBegin.push_back((int)blocks.size());
    blocks.insert(blocks.end(), run.blocks.begin(), run.blocks.end());
    for (int i = 0; i < run.count; i++) {
      positions.push_back(run.from + i);
      sequenceOf.push_back((int)s);
    }
    if (run.logits) logitSource.push_back(row + run.count - 1);
    int most = std::max(1, TILE_QUERIES / group);
    if (run.count > 1)
      for (int i = 0; i < run.count; i += most) tiles.push_back({(int)s, row + i, std::min(most, run.count - i)});
    else
      for (int p = 0; p <= run.from / PART; p++) parts.push_back({(int)s, p});
  }
  firstRow.push_back((int)positions.size());
  std::reverse(tiles.begin(), tiles.end());
  Step& h = data.header;
  h.rows = (int)positions.size();
  h.sequences = (int)runs.size();
  h.logitRows = (int)logitSource.size();
  h.tiles = (int)tiles.size();
  h.parts = (int)parts.size();
  vector<int> ids = tokens;
  ids.resize(positions.size());
  h.tokens = data.append(ids);
  h.positions = data.append(positions);
  h.sequenceOf = data.append(sequenceOf);
  h.firstRow = data.append(firstRow);
  h.logitSource = data.append(logitSource);
  h.tileOf = data.append(tiles);
  h.partOf = data.append(parts);
  h.tableBegin = data.append(tableBegin);
  h.blocks = data.append(blocks);
  return data;
}

Step* plain_step(Bench& bench, int rows) { return step_of({{0, rows, {}, true}}, 1).put(bench); }

// ---- weights as stored

struct Format {
  const char* name;
  int elements, bytes;
};
const Format FORMATS[] = {{"f32", 1, 4},    {"f16", 1, 2},    {"bf16", 1, 2},    {"q8_0", 32, 34},   {"q4_0", 32, 18},  {"q4_1", 32, 20},
                          {"q5_0", 32, 22}, {"q5_1", 32, 24}, {"q4_k", 256, 144}, {"q5_k", 256, 176}, {"q6_k", 256, 210},
                          {"q2_k", 256, 84}, {"q3_k", 256, 110}, {"iq4_nl", 32, 18}, {"iq4_xs", 256, 136}, {"mxfp4", 32, 17},
                          {"iq1_s", 256, 50}, {"iq1_m", 256, 56}, {"iq2_xxs", 256, 66}, {"iq2_xs", 256, 74}, {"iq2_s", 256, 82},
                          {"iq3_xxs", 256, 98}, {"iq3_s", 256, 110}, {"tq1_0", 256, 54}, {"tq2_0", 256, 66}};
const Format& format(const string& name) {
  for (const Format& f : FORMATS)
    if (name == f.name) return f;
  abort();
}

// Code books of numbers that follow no book of a file.
const vector<int8_t>& books() {
  static const vector<int8_t> all = [] {
    Random random = {19};
    vector<int8_t> numbers(ALL_BOOKS);
    for (int8_t& x : numbers) x = (int8_t)(random.below(63) - 31);
    return numbers;
  }();
  return all;
}

// A random block, with scales of a sensible size.
vector<unsigned char> random_block(Random& random, const Format& f) {
  vector<unsigned char> block(f.bytes);
  for (auto& b : block) b = (unsigned char)random.next();
  auto half = [&](int at, double x) {
    uint16_t bits = to_half(x);
    memcpy(&block[at], &bits, 2);
  };
  string name = f.name;
  double size = 0.01 + 0.02 * random.unit();
  if (name == "f32") {
    float x = (float)random.normal();
    memcpy(block.data(), &x, 4);
  } else if (name == "f16") {
    half(0, random.normal());
  } else if (name == "bf16") {
    uint16_t x = to_bf16(random.normal());
    memcpy(block.data(), &x, 2);
  } else if (name == "q6_k") {
    half(208, size / 30);
  } else if (name == "q2_k") {
    half(80, size / 3);
    half(82, size / 3);
  } else if (name == "q3_k") {
    half(108, size / 10);
  } else if (name == "iq1_m") {
    uint16_t bits = to_half(size / 10);
    for (int i = 0; i < 4; i++) block[49 + 2 * i] = (unsigned char)((block[49 + 2 * i] & 15) | (bits >> (4 * i) & 15) << 4);
  } else if (name == "tq1_0" || name == "tq2_0") {
    half(name == "tq1_0" ? 52 : 64, 5 * size);
  } else if (name.substr(0, 3) == "iq1" || name.substr(0, 3) == "iq2" || name.substr(0, 3) == "iq3") {
    half(0, size / 10);
  } else if (name == "mxfp4") {
    block[0] = (unsigned char)(random.below(16) ? 115 + random.below(13) : random.below(2));
  } else if (name == "iq4_nl" || name == "iq4_xs") {
    half(0, name == "iq4_nl" ? size : size / 20);
  } else {
    half(0, name == "q4_k" || name == "q5_k" ? size / 10 : name == "q8_0" ? size : 5 * size);
    if (name == "q4_1" || name == "q5_1") half(2, -0.5 * random.unit());
    if (name == "q4_k" || name == "q5_k") half(2, size / 5);
  }
  return block;
}

double half_at(const unsigned char* at) { return from_half((uint16_t)(at[0] | at[1] << 8)); }

// Of types with code books, or several elements in a byte.
double coded_element(const string& name, const unsigned char* b, int i) {
  auto u16 = [&](int at) { return b[at] | b[at + 1] << 8; };
  auto u32 = [&](int at) { return (uint32_t)u16(at) | (uint32_t)u16(at + 2) << 16; };
  auto four = [&](int at, int j) { return j % 2 ? b[at + j / 2] >> 4 : b[at + j / 2] & 15; };
  auto even = [&](uint32_t bits, int j) {
    int minus = 0;
    for (int k = 0; k < 7; k++) minus += bits >> k & 1;
    return (j < 7 ? (int)(bits >> j & 1) : minus % 2) ? -1 : 1;
  };
  auto sign = [&](int at) { return b[at + i / 8] & 1 << i % 8 ? -1 : 1; };
  auto number = [&](int book, int length, int entry) { return books()[book + entry * length + i % length]; };
  int eight = i / 8, group = i / 32;
  if (name == "iq1_s") {
    int high = u16(34 + 2 * group), entry = b[2 + eight] + 256 * (high >> 3 * (eight % 4) & 7);
    return half_at(b) * (2 * (high >> 12 & 7) + 1) * (number(IQ1_BOOK, 8, entry) + (high & 0x8000 ? -0.125 : 0.125));
  }
  if (name == "iq1_m") {
    int bits = 0, high = four(32, eight), entry = b[eight] + 256 * (high & 7);
    for (int k = 3; k >= 0; k--) bits = bits << 4 | b[49 + 2 * k] >> 4;
    return from_half((uint16_t)bits) * (2 * (u16(48 + i / 64 * 2) >> 3 * (i / 16 % 4) & 7) + 1) * (number(IQ1_BOOK, 8, entry) + (high & 8 ? -0.125 : 0.125));
  }
  if (name == "iq2_xxs") {
    uint32_t rest = u32(6 + 8 * group);
    return half_at(b) * (0.5 + (rest >> 28)) / 4 * number(IQ2_XXS_BOOK, 8, b[2 + 8 * group + eight % 4]) * even(rest >> 7 * (eight % 4), i % 8);
  }
  if (name == "iq2_xs") {
    int code = u16(2 + 2 * eight);
    return half_at(b) * (0.5 + four(66, i / 16)) / 4 * number(IQ2_XS_BOOK, 8, code % 512) * even(code / 512, i % 8);
  }
  if (name == "iq2_s")
    return half_at(b) * (0.5 + four(74, i / 16)) / 4 * number(IQ2_S_BOOK, 8, b[2 + eight] + 256 * (b[66 + group] >> 2 * (eight % 4) & 3)) * sign(34);
  if (name == "iq3_xxs") {
    uint32_t rest = u32(66 + 4 * group);
    return half_at(b) * (0.5 + (rest >> 28)) / 2 * number(IQ3_XXS_BOOK, 4, b[2 + i / 4]) * even(rest >> 7 * (eight % 4), i % 8);
  }
  if (name == "iq3_s") return half_at(b) * (1 + 2 * four(106, group)) * number(IQ3_S_BOOK, 4, b[2 + i / 4] + 256 * (b[66 + group] >> i / 4 % 8 & 1)) * sign(74);
  if (name == "tq2_0") return half_at(b + 64) * ((b[i / 128 * 32 + i % 32] >> 2 * (group % 4) & 3) - 1);
  int digits = i < 160 ? b[i % 32] : i < 240 ? b[32 + i % 16] : b[48 + i % 4], place = i < 160 ? group : i < 240 ? (i - 160) / 16 : (i - 240) / 4;
  for (int k = 0; k < place; k++) digits = digits * 3 % 256;
  return half_at(b + 52) * (digits * 3 / 256 - 1);
}

// Element i of a block, as GGUF lays down.
double element(const string& name, const unsigned char* b, int i) {
  if (name == "f32") {
    float x;
    memcpy(&x, b, 4);
    return x;
  }
  if (name == "f16") return half_at(b);
  if (name == "bf16") return from_bf16((uint16_t)(b[0] | b[1] << 8));
  if (name == "q8_0") return half_at(b) * (int8_t)b[2 + i];
  auto nibble = [&](int at, int j) { return b[at + j % 16] >> (j / 16 * 4) & 15; };
  if (name == "q4_0") return half_at(b) * (nibble(2, i) - 8);
  if (name == "q4_1") return half_at(b) * nibble(4, i) + half_at(b + 2);
  if (name == "q5_0") return half_at(b) * ((nibble(6, i) | (b[2 + i / 8] >> i % 8 & 1) << 4) - 16);
  if (name == "q5_1") return half_at(b) * (nibble(8, i) | (b[4 + i / 8] >> i % 8 & 1) << 4) + half_at(b + 2);
  if (name == "q6_k") {
    int n = i / 128, l = i % 32, quarter = i % 128 / 32;
    int low = b[n * 64 + (quarter % 2) * 32 + l] >> (quarter / 2 * 4) & 15;
    int high = b[128 + n * 32 + l] >> (2 * quarter) & 3;
    return half_at(b + 208) * (int8_t)b[192 + i / 16] * ((low | high << 4) - 32);
  }
  if (name == "q2_k" || name == "q3_k") {
    bool three = name == "q3_k";
    int q = b[(three ? 32 : 16) + i / 128 * 32 + i % 32] >> (i / 32 % 4 * 2) & 3, part = i / 16;
    if (!three) return half_at(b + 80) * (b[part] & 15) * q - half_at(b + 82) * (b[part] >> 4);
    int low = part < 8 ? b[96 + part] & 15 : b[88 + part] >> 4;
    int scale = (low | (b[104 + part % 4] >> (part / 4 * 2) & 3) << 4) - 32;
    return half_at(b + 108) * scale * (b[i % 32] & 1 << i / 32 ? q : q - 4);
  }
  static const int numbers[] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  if (name == "iq4_nl") return half_at(b) * numbers[nibble(2, i)];
  if (name == "iq4_xs") {
    int group = i / 32, low = group % 2 ? b[4 + group / 2] >> 4 : b[4 + group / 2] & 15;
    int scale = (low | ((b[2] | b[3] << 8) >> 2 * group & 3) << 4) - 32;
    return half_at(b) * scale * numbers[nibble(8 + 16 * group, i % 32)];
  }
  if (name[0] == 't' || name.substr(0, 3) == "iq1" || name.substr(0, 3) == "iq2" || name.substr(0, 3) == "iq3") return coded_element(name, b, i);
  static const double fours[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  if (name == "mxfp4") return b[0] == 255 ? NAN : ldexp(nibble(1, i) & 8 ? -fours[nibble(1, i) & 7] : fours[nibble(1, i)], b[0] - 127);
  bool five = name == "q5_k";
  int j = i / 32;
  const unsigned char* s = b + 4;
  int scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | s[j - 4] >> 6 << 4;
  int least = j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | s[j] >> 6 << 4;
  int q = b[(five ? 48 : 16) + j / 2 * 32 + i % 32] >> (j % 2 * 4) & 15;
  if (five) q |= (b[16 + i % 32] >> j & 1) << 4;
  return half_at(b) * scale * q - half_at(b + 2) * least;
}

bool is_plain(const string& type) { return type == "f32" || type == "f16"; }
string kept_type(const string& type) {
  if (type == "iq4_nl") return "q8_0";
  return is_plain(type) || type == "q8_0" || type == "q4_0" || type == "mxfp4" ? type : "bf16";
}
int tile_bytes(const string& kept) { return kept == "bf16" ? 8192 : kept == "q8_0" ? 4352 : kept == "q4_0" ? 2304 : 2176; }
bool is_exact(const string& type) { return type == "bf16" || kept_type(type) != "bf16"; }

struct Matrix {
  string type;
  int rows, columns, stride;
  void* data;
  Rows stored; // exact values as stored
  Rows used;   // as products use them
};

// Loads a matrix in parts of some rows; its blocks are those that `next` gives, row by row.
Matrix load(Bench& bench, Random& random, const string& type, int rows, int columns, const std::function<vector<unsigned char>()>& next) {
  const Format& f = format(type);
  Matrix m = {type, rows, columns, 0, nullptr, Rows(rows, vector<double>(columns)), {}};
  vector<unsigned char> bytes;
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < columns; c += f.elements) {
      vector<unsigned char> block = next();
      for (int i = 0; i < f.elements; i++) m.stored[r][c + i] = element(type, block.data(), i);
      bytes.insert(bytes.end(), block.begin(), block.end());
    }
  string kept = kept_type(type);
  size_t size;
  if (is_plain(type)) {
    m.stride = padded(columns, 16 / f.bytes);
    size = (size_t)rows * m.stride * f.bytes;
  } else {
    m.stride = tiles_of(columns);
    size = (size_t)tiles_of(rows) * m.stride * tile_bytes(kept);
  }
  m.data = bench.device(vector<unsigned char>(size));
  size_t rowBytes = bytes.size() / rows;
  int8_t* all = bench.device(books());
  for (int r = 0; r < rows;) {
    int count = std::min(rows - r, 1 + random.below(50));
    vector<unsigned char> part(bytes.begin() + r * rowBytes, bytes.begin() + (r + count) * rowBytes);
    bench.launch("pack_" + type, count, 1, 1, Pack{bench.device(part), m.data, all, count, columns, r, m.stride});
    r += count;
  }
  m.used = m.stored;
  if (!is_plain(type))
    for (auto& row : m.used)
      for (double& x : row) x = bf16(x);
  return m;
}

Matrix load(Bench& bench, Random& random, const string& type, int rows, int columns) {
  return load(bench, random, type, rows, columns, [&] { return random_block(random, format(type)); });
}

// ---- cases

void embeddings(Bench& bench, int) {
  Random random = {1};
  for (const Format& f : FORMATS)
    for (auto [rows, columns] : {std::pair{1, 1}, {70, 37}, {129, 64}, {300, 96}, {65, 256}, {5, 544}}) {
      if (columns % f.elements) continue;
      Matrix m = load(bench, random, f.name, rows, columns);
      vector<int> tokens;
      for (int i = 0; i < 9; i++) tokens.push_back(random.below(rows));
      Step* step = step_of({{2, 9, {}, true}}, 1, tokens).put(bench);
      int stride = padded(columns, 4);
      float* out = bench.room<float>(9 * stride);
      string kept = kept_type(f.name);
      auto check = [&](int ofPositions, auto source) {
        bench.launch("embed_" + kept, 11, 1, 1, Embed{step, m.data, out, columns, m.stride, stride, ofPositions});
        vector<float> actual = bench.host(out, 9 * stride);
        for (int r = 0; r < 9; r++)
          for (int k = 0; k < columns; k++) {
            int from = source(r);
            double expected = is_exact(f.name) ? (float)m.stored[from][k] : bf16(m.stored[from][k]);
            double off = is_exact(f.name) ? 0 : fabs(expected) * 0x1p-7 + 1e-6; // a step of F32 arithmetic before rounding may cross over
            bench.near(actual[r * stride + k], expected, off, text("%s [%d, %d] row %d column %d", f.name, rows, columns, from, k));
          }
      };
      check(0, [&](int r) { return tokens[r]; });
      if (rows > 11) check(1, [](int r) { return 2 + r; });
      bench.machine.release();
    }
}

void unpacking(Bench& bench, int) {
  Random random = {4};
  for (auto [rows, columns] : {std::pair{1, 1}, {64, 64}, {70, 37}, {129, 200}}) {
    int kTiles = tiles_of(columns), width = kTiles * TILE;
    auto check = [&](const uint16_t* actualAt, const Rows& expected, const char* what) {
      vector<uint16_t> actual = bench.host(actualAt, (size_t)rows * width);
      for (int r = 0; r < rows; r++)
        for (int k = 0; k < width; k++)
          bench.near(from_bf16(actual[(size_t)r * width + k]), k < columns ? expected[r][k] : 0, 0, text("%s [%d, %d] row %d column %d", what, rows, columns, r, k));
    };
    uint16_t* out = bench.room<uint16_t>((size_t)rows * width);
    Matrix m = load(bench, random, "bf16", rows, columns);
    bench.launch("unpack_bf16", rows, 1, 1, Unpack{m.data, out, kTiles, TILE});
    check(out, m.stored, "matrix");
    Rows in = random_rows(random, rows, columns);
    for (auto& row : in)
      for (double& x : row) x = bf16(x);
    int operandRows = padded(rows, OPERAND_ROWS);
    bench.launch("unpack_bf16", rows, 1, 1, Unpack{put_operand(bench, in, operandRows, columns), out, kTiles, operandRows});
    check(out, in, "operand");
    bench.machine.release();
  }
}

void vectors(Bench& bench, int) {
  Random random = {2};
  for (const char* type : {"f32", "f16", "bf16"}) {
    vector<unsigned char> bytes;
    vector<double> values;
    for (int i = 0; i < 700; i++) {
      auto block = random_block(random, format(type));
      values.push_back(element(type, block.data(), 0));
      bytes.insert(bytes.end(), block.begin(), block.end());
    }
    float* out = bench.room<float>(700);
    bench.launch(string("widen_") + type, 3, 1, 1, Widen{bench.device(bytes), out, 700, 0});
    vector<float> actual = bench.host(out, 700);
    for (int i = 0; i < 700; i++) bench.near(actual[i], values[i], 0, text("%s %d", type, i));
    bench.machine.release();
  }
}

void check_operand(Bench& bench, const uint16_t* operand, int operandRows, const Rows& expected, double off, const string& what) {
  int columns = (int)expected[0].size();
  vector<uint16_t> actual = bench.host(operand, operand_size(operandRows, columns));
  for (size_t r = 0; r < expected.size(); r++)
    for (int k = 0; k < tiles_of(columns) * 64; k++) {
      double x = from_bf16(actual[operand_at(operandRows, (int)r, k)]);
      double wanted = k < columns ? expected[r][k] : 0;
      bench.near(x, wanted, k < columns ? off * (fabs(wanted) + 1e-30) : 0, what + text(" row %d column %d", (int)r, k));
    }
}

// Of rows, from their middles if those count; `bias` may be null.
Rows normalised(const Rows& in, bool centred, const Rows& gain, const Rows* bias) {
  Rows out = in;
  for (auto& row : out) {
    int columns = (int)row.size();
    double mean = 0, sum = 0;
    if (centred)
      for (double x : row) mean += x / columns;
    for (double& x : row) x -= mean;
    for (double x : row) sum += x * x;
    double factor = 1 / sqrt(sum / columns + 1e-6f);
    for (int k = 0; k < columns; k++) row[k] = (std::isinf(sum) && std::isinf(row[k]) ? NAN : row[k] * factor * gain[0][k]) + (bias ? (*bias)[0][k] : 0);
  }
  return out;
}

// Launches a norm to an operand, added to rows, and in place, and compares each with what is expected.
void check_norms(Bench& bench, const string& name, const Rows& in, const Rows& expected, std::function<void(const string&, Step*, float*, void*, int)> launch) {
  int rows = (int)in.size(), columns = (int)in[0].size(), stride = padded(columns, 4), operandRows = 128;
  Step* step = plain_step(bench, rows);
  float *x = put(bench, in, stride), *added = put(bench, in, stride);
  uint16_t* operand = bench.room<uint16_t>(operand_size(operandRows, columns));
  launch(name + "_operand", step, x, operand, operandRows);
  check_operand(bench, operand, operandRows, expected, 0x1.1p-8, text("%s, %d columns, operand", name.c_str(), columns));
  launch(name + "_add", step, x, added, stride);
  vector<float> sums = bench.host(added, rows * stride);
  launch(name, step, x, x, stride);
  vector<float> actual = bench.host(x, rows * stride);
  for (int r = 0; r < rows; r++) {
    double most = 0;
    for (double y : expected[r]) most = std::max(most, fabs(y));
    for (int k = 0; k < columns; k++) {
      double sum = in[r][k] + expected[r][k], off = 1e-5 * (name == "layer_norm" ? most : fabs(expected[r][k])) + 1e-30;
      string where = text("%s, %d columns, row %d column %d", name.c_str(), columns, r, k);
      bench.near(sums[r * stride + k], sum, off + 1e-5 * fabs(in[r][k]), where + ", added");
      bench.near(actual[r * stride + k], expected[r][k], off, where);
    }
  }
}

void norms(Bench& bench, int) {
  Random random = {3};
  for (int columns : {1, 3, 8, 65, 200, 4096 + 12})
    for (int rows : {1, 9}) {
      Rows in = random_rows(random, rows, columns);
      if (rows == 9) {
        for (double& x : in[1]) x = x < 0 ? -1e30f : 1e30f;
        for (double& x : in[2]) x = 1e-30f;
        in[3][columns / 2] = NAN;
        in[4][columns - 1] = INFINITY;
      }
      Rows gain = random_rows(random, 1, columns), bias = random_rows(random, 1, columns);
      int stride = padded(columns, 4);
      float *g = put(bench, gain, stride), *b = put(bench, bias, stride);
      check_norms(bench, "rms_norm", in, normalised(in, false, gain, nullptr), [&](const string& name, Step* step, float* x, void* out, int outStride) {
        bench.launch(name, rows + 2, 1, 1, RmsNorm{step, x, g, out, columns, stride, outStride, 1e-6f});
      });
      for (bool biased : {false, true})
        check_norms(bench, "layer_norm", in, normalised(in, true, gain, biased ? &bias : nullptr), [&](const string& name, Step* step, float* x, void* out, int outStride) {
          bench.launch(name, rows + 2, 1, 1, LayerNorm{step, x, g, biased ? b : nullptr, out, columns, stride, outStride, 1e-6f});
        });
      bench.machine.release();
    }
}

void scaled_sums_and_softcaps(Bench& bench, int) {
  Random random = {13};
  for (int columns : {1, 12, 100, 3000}) {
    Rows in = random_rows(random, 7, columns), before = random_rows(random, 7, columns);
    Step* step = step_of({{0, 3, {}, true}, {0, 2, {}, false}, {0, 1, {}, true}, {8, 1, {}, true}}, 1).put(bench);
    int stride = padded(columns, 4);
    float *x = put(bench, in, stride), *sums = put(bench, before, stride);
    bench.launch("add_scaled", 8, 1, 1, AddScaled{step, x, sums, columns, stride, stride, 0.22f});
    bench.launch("softcap", 2, 5, 1, Softcap{step, x, columns, stride, 0.75f, 0});
    vector<float> added = bench.host(sums, 7 * stride), capped = bench.host(x, 7 * stride);
    for (int r = 0; r < 7; r++)
      for (int k = 0; k < columns; k++) {
        string where = text("%d columns, row %d column %d", columns, r, k);
        bench.near(added[r * stride + k], before[r][k] + 0.22f * in[r][k], 1e-6, where);
        bench.near(capped[r * stride + k], r < 3 ? 0.75 * tanh(in[r][k] / 0.75) : in[r][k], 1e-6, where);
      }
    bench.machine.release();
  }
}

void rounding_and_gathering(Bench& bench, int) {
  Random random = {4};
  for (int columns : {1, 12, 64, 100, 1000}) {
    Rows in = random_rows(random, 7, columns), gathered = {in[2], in[5], in[6]}, rounded = in;
    for (auto& row : rounded)
      for (double& x : row) x = bf16(x);
    Rows both = {rounded[2], rounded[5], rounded[6]};
    Step* step = step_of({{0, 3, {}, true}, {0, 2, {}, false}, {0, 1, {}, true}, {8, 1, {}, true}}, 1).put(bench);
    int stride = padded(columns, 4);
    float *x = put(bench, in, stride), *few = bench.room<float>(3 * stride);
    uint16_t *all = bench.room<uint16_t>(operand_size(256, columns)), *some = bench.room<uint16_t>(operand_size(128, columns)),
             *again = bench.room<uint16_t>(operand_size(128, columns));
    bench.launch("round_operand", 8, 1, 1, Round{step, x, all, columns, stride, 256, 0});
    bench.launch("round_gather", 8, 1, 1, Round{step, x, some, columns, stride, 128, 0});
    bench.launch("gather", 8, 1, 1, Round{step, x, few, columns, stride, stride, 0});
    bench.launch("gather_operand", 8, 1, 1, Round{step, all, again, columns, 256, 128, 0});
    check_operand(bench, all, 256, rounded, 0, "rounded");
    check_operand(bench, some, 128, both, 0, "gathered and rounded");
    check_operand(bench, again, 128, both, 0, "rounded and gathered");
    vector<float> actual = bench.host(few, 3 * stride);
    for (int r = 0; r < 3; r++)
      for (int k = 0; k < columns; k++) bench.near(actual[r * stride + k], gathered[r][k], 0, text("gathered row %d column %d", r, k));
    bench.machine.release();
  }
}

double silu(double x, double up) { return x / (1 + exp(-x)) * up; }
double gelu(double x, double up) { return x / 2 * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))) * up; }
double swiglu_oai(double x, double up) {
  x = x > 7 ? 7 : x;
  up = up > 7 ? 7 : up < -7 ? -7 : up;
  return x / (1 + exp(-1.702f * x)) * (up + 1);
}

void check_activation(Bench& bench, const char* name, const Rows& in, const Rows& expected, double off) {
  int rows = (int)in.size(), columns = (int)expected[0].size(), operandRows = 128;
  Step* step = plain_step(bench, rows);
  int inStride = padded((int)in[0].size(), 4), stride = padded(columns, 4);
  float *x = put(bench, in, inStride), *out = bench.room<float>(rows * stride);
  uint16_t* operand = bench.room<uint16_t>(operand_size(operandRows, columns));
  bench.launch(name, rows + 1, 1, 1, Gated{step, x, out, columns, inStride, stride, 0});
  bench.launch(name, rows + 1, 1, 1, Gated{step, x, operand, columns, inStride, operandRows, 1});
  check_operand(bench, operand, operandRows, expected, 0x1.1p-8, text("%s, %d columns, operand", name, columns));
  vector<float> actual = bench.host(out, rows * stride);
  for (int r = 0; r < rows; r++)
    for (int k = 0; k < columns; k++)
      bench.near(actual[r * stride + k], expected[r][k], 1e-5 * fabs(expected[r][k]) + off, text("%s row %d column %d", name, r, k));
  bench.machine.release();
}

void gated_activations(Bench& bench, int) {
  Random random = {5};
  for (auto [name, function, off] : {std::tuple("gated_silu", &silu, 1e-30), std::tuple("gated_gelu", &gelu, 2e-6), std::tuple("gated_swiglu_oai", &swiglu_oai, 1e-30)})
    for (int columns : {1, 10, 64, 333}) {
    Rows in = random_rows(random, 4, 2 * columns), expected(4, vector<double>(columns));
    in[0][0] = -100, in[1][0] = 100, in[2][0] = -88.7f, in[3][0] = NAN;
    for (int k = 1; k < columns && function == &swiglu_oai; k += 3) in[0][k] *= 9, in[1][columns + k] *= 9;
    if (columns > 1) in[3][columns + 1] = NAN;
    for (int r = 0; r < 4; r++)
      for (int k = 0; k < columns; k++) expected[r][k] = function(in[r][k], in[r][columns + k]);
    check_activation(bench, name, in, expected, off);
  }
}

double gelu_exact(double x, double) { return x / 2 * erfc(-x / sqrt(2.0)); }

double relu_squared(double x, double) { return x <= 0 ? 0 : x * x; }

double tangent(double x, double) { return tanh(x); }

void ungated_activations(Bench& bench, int) {
  Random random = {15};
  for (auto [name, function, off] : {std::tuple("ungated_gelu", &gelu, 2e-6), std::tuple("ungated_gelu_exact", &gelu_exact, 1e-6), std::tuple("ungated_relu_squared", &relu_squared, 1e-30), std::tuple("ungated_tanh", &tangent, 1e-6)})
    for (int columns : {1, 10, 64, 333}) {
      Rows in = random_rows(random, 4, columns), expected = in;
      in[0][0] = -100, in[1][0] = 100, in[2][0] = -0.0, in[3][0] = NAN;
      for (int r = 0; r < 4; r++)
        for (int k = 0; k < columns; k++) expected[r][k] = function(in[r][k], 1);
      check_activation(bench, name, in, expected, off);
    }
}

// One launch of a linear map by tensor cores. Results of rows, as F32, or as a product's operand.
struct LinearRun {
  const Matrix& m;
  const uint16_t* in;
  int inRows;
  const float* bias;
  int rows;
  bool gated;
  int segments;
  vector<float> before; // what is there, for sums; else empty
  string prefix;

  vector<float> run(Bench& bench, int n, bool apart, int rowsOfGrid) const {
    int width = gated ? m.rows / 2 : m.rows, rowTiles = tiles_of(width), tokenTiles = (rowsOfGrid + n - 1) / n;
    int stride = gated ? 128 * ((rows + 127) / 128) : padded(width, 4) + 8;
    size_t outBytes = gated ? operand_size(stride, width) * 2 : (size_t)rows * stride * 4;
    vector<unsigned char> initial(outBytes, 0xff);
    if (!before.empty())
      for (int r = 0; r < rows; r++) memcpy(&initial[(r * stride + 4) * 4], &before[r * width], width * 4);
    unsigned char* out = bench.device(initial);
    Linear a = {};
    a.step = plain_step(bench, rows);
    a.in = in;
    a.weight = m.data;
    a.bias = bias;
    a.out = out;
    a.partials = bench.room<float>((size_t)tokenTiles * rowTiles * segments * 64 * n * (gated ? 2 : 1));
    a.arrivals = bench.device(vector<int32_t>(tokenTiles * rowTiles));
    a.inStride = inRows;
    a.weightRows = m.rows;
    a.columns = m.columns;
    a.weightStride = m.stride;
    a.segments = segments;
    a.outStride = stride;
    a.outColumn = gated ? 0 : 4;
    a.add = !before.empty();
    string name = prefix + m.type + (gated ? "_gated_n" : "_n") + std::to_string(n);
    for (int repeated = 0; repeated < (apart && before.empty() ? 2 : 1); repeated++)
      bench.launch(name, rowTiles, tokenTiles, apart ? segments : 1, a);
    vector<unsigned char> bytes = bench.host(out, outBytes);
    vector<float> result(rows * width);
    for (int r = 0; r < rows; r++)
      for (int i = 0; i < width; i++) {
        if (gated)
          result[r * width + i] = (float)from_bf16(((uint16_t*)bytes.data())[operand_at(stride, r, i)]);
        else
          memcpy(&result[r * width + i], &bytes[(r * stride + 4 + i) * 4], 4);
      }
    if (!gated)
      for (int r = 0; r < rows; r++)
        for (int i : {0, 1, 2, 3, 4 + width}) {
          uint32_t word;
          memcpy(&word, &bytes[(r * stride + i) * 4], 4);
          if (word != ~0u) bench.fail(name + " wrote beside its columns");
        }
    return result;
  }
};

bool same_bits(const vector<float>& a, const vector<float>& b) {
  for (size_t i = 0; i < a.size(); i++)
    if (bits_of(a[i]) != bits_of(b[i]) && (a[i] == a[i] || b[i] == b[i])) return false;
  return a.size() == b.size();
}

void gated_outputs(Bench& bench, int) {
  Random random = {41};
  for (int columns : {1, 10, 64, 333}) {
    Rows in = random_rows(random, 4, columns), gates = random_rows(random, 4, columns), expected = in;
    gates[0][0] = 100, gates[1][0] = -100, in[2][0] = NAN, gates[3][0] = NAN;
    for (int r = 0; r < 4; r++)
      for (int k = 0; k < columns; k++) expected[r][k] = in[r][k] / (1 + exp(-gates[r][k]));
    int stride = padded(columns, 4), gatesStride = stride + 4;
    float *x = put(bench, in, stride), *g = put(bench, gates, gatesStride), *out = bench.room<float>(4 * stride);
    uint16_t* operand = bench.room<uint16_t>(operand_size(128, columns));
    Step* step = plain_step(bench, 4);
    bench.launch("gate_output", 5, 1, 1, GateOutput{step, g, x, out, columns, gatesStride, stride, stride, 0, 0});
    bench.launch("gate_output", 5, 1, 1, GateOutput{step, g, x, operand, columns, gatesStride, stride, 128, 1, 0});
    bench.launch("gate_output", 5, 1, 1, GateOutput{step, g, x, x, columns, gatesStride, stride, stride, 0, 0});
    check_operand(bench, operand, 128, expected, 0x1.1p-8, text("gated outputs, %d columns, operand", columns));
    for (const vector<float>& actual : {bench.host(out, 4 * stride), bench.host(x, 4 * stride)})
      for (int r = 0; r < 4; r++)
        for (int k = 0; k < columns; k++)
          bench.near(actual[r * stride + k], expected[r][k], 1e-6 * fabs(expected[r][k]) + 1e-30, text("gated output, row %d column %d", r, k));
    bench.machine.release();
  }
}

// ---- several residual streams, and gates of which most are left out

void check_rows(Bench& bench, float* rows, int stride, const Rows& expected, double off, const string& name) {
  int columns = (int)expected[0].size();
  vector<float> actual = bench.host(rows, expected.size() * stride);
  for (size_t r = 0; r < expected.size(); r++)
    for (int k = 0; k < columns; k++)
      bench.near(actual[r * stride + k], expected[r][k], off, text("%s, row %d column %d", name.c_str(), (int)r, k));
}

double mean_square(const vector<double>& row, double middle = 0) {
  double sum = 0;
  for (double x : row) sum += (x - middle) * (x - middle);
  return sum / row.size();
}

void streams(Bench& bench, int) {
  Random random = {43};
  for (int columns : {1, 10, 64, 333, 3000}) {
    int stride = padded(columns, 4);
    Rows factors = random_rows(random, 1, columns), in = random_rows(random, 4, columns), like = random_rows(random, 4, columns);
    for (double& x : in[1]) x = 0;
    Rows multiplied = in, rescaled = in;
    for (int r = 0; r < 4; r++)
      for (int k = 0; k < columns; k++) {
        multiplied[r][k] *= factors[0][k];
        rescaled[r][k] *= sqrt(mean_square(like[r]) / std::max(mean_square(in[r]), 1e-5));
      }
    Step* step = plain_step(bench, 4);
    float *x = put(bench, in, stride), *by = put(bench, factors, stride), *out = bench.room<float>(4 * stride);
    uint16_t* operand = bench.room<uint16_t>(operand_size(128, columns));
    bench.launch("multiply_rows", 5, 1, 1, Multiply{step, x, by, out, columns, stride, stride, 0});
    bench.launch("multiply_rows", 5, 1, 1, Multiply{step, x, by, operand, columns, stride, 128, 1});
    check_rows(bench, out, stride, multiplied, 1e-6, text("multiplied, %d columns", columns));
    check_operand(bench, operand, 128, multiplied, 0x1.1p-8, text("multiplied, %d columns, operand", columns));
    bench.launch("rescale", 5, 1, 1, Rescale{step, put(bench, like, stride + 4), x, columns, stride + 4, stride, 0});
    check_rows(bench, x, stride, rescaled, 1e-4, text("rescaled, %d columns", columns));
    for (int ins : {1, 3, 8})
      for (bool same : {false, true}) {
        int outs = same ? ins : 4, sharesStride = padded(ins * outs, 4);
        vector<Rows> added, before;
        for (int j = 0; j < ins; j++) added.push_back(random_rows(random, 4, columns));
        for (int i = 0; i < outs; i++) before.push_back(same ? added[i] : random_rows(random, 4, columns));
        Rows shares = random_rows(random, 4, ins * outs);
        Mix a = {step, put(bench, shares, sharesStride), columns, stride, sharesStride, ins, outs, 0, {}, {}};
        for (int j = 0; j < ins; j++) a.in[j] = (uint64_t)put(bench, added[j], stride);
        for (int i = 0; i < outs; i++) a.out[i] = same ? a.in[i] : (uint64_t)put(bench, before[i], stride);
        bench.launch("mix", 5, same ? 1 : 3, 1, a);
        for (int i = 0; i < outs; i++) {
          Rows expected = before[i];
          for (int r = 0; r < 4; r++)
            for (int k = 0; k < columns; k++)
              for (int j = 0; j < ins; j++) expected[r][k] += shares[r][i * ins + j] * added[j][r][k];
          check_rows(bench, (float*)a.out[i], stride, expected, 1e-4, text("%d mixed into %d, %d columns", ins, outs, columns));
        }
      }
    for (float deviations : {-1.0f, 0.0f, 1.5f}) {
      Rows gates = random_rows(random, 4, columns), sparse = gates;
      for (int r = 0; r < 4; r++) {
        double mean = 0;
        for (double gate : gates[r]) mean += gate / columns;
        double least = mean + deviations * sqrt(mean_square(gates[r], mean));
        for (double& gate : sparse[r]) gate = std::max(gate - least, 0.0);
      }
      float* room = put(bench, gates, stride);
      bench.launch("sparsify", 5, 1, 1, Sparsify{step, room, columns, stride, deviations, 0});
      check_rows(bench, room, stride, sparse, 1e-5, text("sparse gates, %d columns", columns));
    }
    bench.machine.release();
  }
}

// ---- layers that carry a state of each sequence along

// A sequence's rows with what comes of them.
struct CarriedSequence {
  Rows in, out, states; // the state behind each row
  vector<int> blocks;
  vector<float> bits;   // what comes of them all in one run
};

// One of a layer's launches, in as many blocks as are best; `any`: others are as right in y.
struct CarriedLaunch {
  string kernel;
  int x, y;
  bool any;
};

double silu(double x) { return x / (1 + exp(-x)); }

// The channels of a row, `channel(row, c)` before they go through the convolution.
template <class F> vector<double> convolved(const vector<double>& by, int taps, int channels, int t, F channel) {
  vector<double> x(channels);
  for (int c = 0; c < channels; c++)
    for (int tap = 0; tap < taps; tap++)
      if (int from = t - (taps - 1) + tap; from >= 0) x[c] += by[tap * channels + c] * channel(from, c);
  return x;
}

// What the convolution of later rows needs, at the beginning of a state.
template <class F> void keep_channels(vector<double>& state, int taps, int channels, int t, F channel) {
  for (int tap = 0; tap < taps - 1; tap++)
    for (int c = 0; c < channels; c++) {
      int from = t - (taps - 2) + tap;
      state[tap * channels + c] = from < 0 ? 0 : channel(from, c);
    }
}

float* put_vector(Bench& bench, const vector<double>& numbers) {
  return numbers.empty() ? nullptr : put(bench, {numbers}, (int)numbers.size());
}

// What layers whose heads have matrices have in common.
struct Heads {
  int keyHeads, valueHeads, keyDim, valueDim, taps;
  string recall; // the kernel that does so
  vector<double> convolution, bias, decay, timeBias, skip, norm;

  int keys() const { return keyHeads * keyDim; }
  int outputs() const { return valueHeads * valueDim; }
  int channels() const { return 2 * keys() + outputs(); }
  int history() const { return (taps - 1) * channels(); }
  int state() const { return history() + valueHeads * keyDim * valueDim; }
  int extremes() const { return valueHeads; }
  string what() const { return text("%d of %d, %d of %d, %d taps, %s", keyHeads, keyDim, valueHeads, valueDim, taps, recall.c_str()); }

  void choose(Random& random, int gains) {
    auto numbers = [&](int count) { return count == 0 ? vector<double>() : random_rows(random, 1, count)[0]; };
    convolution = numbers(taps * channels());
    timeBias = numbers(valueHeads);
    norm = numbers(gains);
    for (double x : numbers(valueHeads)) decay.push_back((float)(0.02 + fabs(x)));
  }

  Recall arguments(Bench& bench) const {
    Recall a = {};
    a.convolution = put_vector(bench, convolution);
    a.convolutionBias = put_vector(bench, bias);
    a.decay = put_vector(bench, decay);
    a.timeBias = put_vector(bench, timeBias);
    a.skip = put_vector(bench, skip);
    a.norm = put_vector(bench, norm);
    return sized(a);
  }
  Recall sized(Recall a) const {
    a.keyHeads = keyHeads;
    a.valueHeads = valueHeads;
    a.keyDim = keyDim;
    a.valueDim = valueDim;
    a.taps = taps;
    a.normParts = valueHeads;
    a.betweenStride = padded(channels(), 4);
    a.epsilon = 1e-5f;
    return a;
  }
  // With vectors and what lies between of any contents, which `floats` sets aside.
  template <class F> Recall room(F floats, int rows) const {
    Recall a = {};
    a.convolution = floats(taps * channels());
    a.decay = floats(valueHeads);
    a.timeBias = floats(valueHeads);
    a.skip = floats(valueHeads);
    a.norm = floats(outputs());
    a.between = floats((size_t)rows * padded(channels(), 4));
    return a;
  }
  void set_aside(Bench& bench, int rows, Recall& a) const { a.between = bench.room<float>((size_t)rows * a.betweenStride); }

  vector<CarriedLaunch> launches(const string& prefix, int rows, int runs, int convolved, int normParts) const {
    int columnBlocks = valueHeads * ((valueDim + 31) / 32), kept = taps > 1 ? (channels() + 127) / 128 : 0;
    return {{prefix + "convolve", rows, rows > 64 ? 1 : (convolved + 7) / 8, true},
            {recall, runs, columnBlocks + kept, false},
            {prefix + "gate", rows, rows > 64 ? 1 : (normParts + 7) / 8, true}};
  }
};

struct Delta : Heads {
  bool tiled = false;

  int inputs() const { return channels() + outputs() + 2 * valueHeads; }
  void choose(Random& random) { Heads::choose(random, valueDim); }
  Recall arguments(Bench& bench) const { return sized(Heads::arguments(bench)); }
  Recall sized(Recall a) const {
    a = Heads::sized(a);
    a.tiled = tiled;
    return a;
  }
  vector<CarriedLaunch> launches(int rows, int runs) const { return Heads::launches("delta_", rows, runs, 2 * keyHeads + (outputs() + 127) / 128, valueHeads); }

  vector<double> row(const Rows& in, int t) const {
    vector<double> x = convolved(convolution, taps, channels(), t, [&](int r, int c) { return in[r][c]; });
    for (double& c : x) c = silu(c);
    for (int head = 0; head < 2 * keyHeads; head++) {
      double squares = 1e-6;
      for (int k = 0; k < keyDim; k++) squares += x[head * keyDim + k] * x[head * keyDim + k];
      for (int k = 0; k < keyDim; k++) x[head * keyDim + k] /= sqrt(squares) * (head < keyHeads ? sqrt(keyDim) : 1);
    }
    return x;
  }

  void expect(CarriedSequence& s) const {
    vector<double> state(this->state());
    for (size_t t = 0; t < s.in.size(); t++) {
      const vector<double>& in = s.in[t];
      vector<double> x = row(s.in, (int)t), out(outputs());
      keep_channels(state, taps, channels(), (int)t, [&](int r, int c) { return s.in[r][c]; });
      for (int head = 0; head < valueHeads; head++) {
        int keyHead = tiled ? head % keyHeads : head / (valueHeads / keyHeads), rates = channels() + outputs() + head;
        double *m = &state[history() + head * keyDim * valueDim], *q = &x[keyHead * keyDim], *k = q + keys(), *v = &x[2 * keys() + head * valueDim];
        double kept = exp(-decay[head] * log1p(exp(in[rates + valueHeads] + timeBias[head]))), strength = 1 / (1 + exp(-in[rates])), squares = 0;
        for (int j = 0; j < valueDim; j++) {
          double known = 0, recalled = 0;
          for (int i = 0; i < keyDim; i++) known += k[i] * (m[i * valueDim + j] *= kept);
          for (int i = 0; i < keyDim; i++) recalled += q[i] * (m[i * valueDim + j] += strength * k[i] * (v[j] - known));
          out[head * valueDim + j] = recalled;
          squares += recalled * recalled;
        }
        for (int j = 0; j < valueDim; j++)
          out[head * valueDim + j] *= norm[j] / sqrt(squares / valueDim + 1e-5f) * silu(in[channels() + head * valueDim + j]);
      }
      s.out.push_back(out);
      s.states.push_back(state);
    }
  }
};

// Key heads are groups, keys and values what states and heads have dimensions of.
struct StateSpace : Heads {
  int normGroups = 0; // 0: no norm
  bool biased = false;

  int inputs() const { return outputs() + channels() + valueHeads; }
  int parts() const { return normGroups > 0 ? normGroups : valueHeads; }
  string what() const { return Heads::what() + text(", %d norms%s", normGroups, biased ? ", biased" : ""); }
  void choose(Random& random) {
    Heads::choose(random, normGroups > 0 ? outputs() : 0);
    if (biased) bias = random_rows(random, 1, channels())[0];
    skip = random_rows(random, 1, valueHeads)[0];
  }
  Recall arguments(Bench& bench) const { return sized(Heads::arguments(bench)); }
  Recall sized(Recall a) const {
    a = Heads::sized(a);
    a.normParts = parts();
    return a;
  }
  vector<CarriedLaunch> launches(int rows, int runs) const { return Heads::launches("state_", rows, runs, (channels() + 127) / 128, parts()); }

  void expect(CarriedSequence& s) const {
    vector<double> state(this->state());
    auto channel = [&](int r, int c) { return s.in[r][outputs() + c]; };
    for (size_t t = 0; t < s.in.size(); t++) {
      const vector<double>& in = s.in[t];
      vector<double> x = convolved(convolution, taps, channels(), (int)t, channel), out(outputs());
      for (int c = 0; c < channels(); c++) x[c] = silu(x[c] + (biased ? bias[c] : 0));
      keep_channels(state, taps, channels(), (int)t, channel);
      for (int head = 0; head < valueHeads; head++) {
        double *m = &state[history() + head * keyDim * valueDim], *v = &x[head * valueDim], *k = &x[outputs() + head / (valueHeads / keyHeads) * keyDim], *q = k + keys();
        double time = log1p(exp(in[outputs() + channels() + head] + timeBias[head])), kept = exp(-decay[head] * time);
        for (int j = 0; j < valueDim; j++) {
          double& y = out[head * valueDim + j];
          for (int i = 0; i < keyDim; i++) y += q[i] * (m[i * valueDim + j] = kept * m[i * valueDim + j] + k[i] * time * v[j]);
          y = (y + skip[head] * v[j]) * silu(in[head * valueDim + j]);
        }
      }
      for (int part = 0; part < normGroups; part++) {
        int width = outputs() / normGroups;
        double squares = 0;
        for (int i = part * width; i < (part + 1) * width; i++) squares += out[i] * out[i];
        for (int i = part * width; i < (part + 1) * width; i++) out[i] *= norm[i] / sqrt(squares / width + 1e-5f);
      }
      s.out.push_back(out);
      s.states.push_back(state);
    }
  }
};

struct Short {
  int width, taps;
  vector<double> kernel;

  int inputs() const { return 3 * width; }
  int outputs() const { return width; }
  int history() const { return (taps - 1) * width; }
  int state() const { return history(); }
  int extremes() const { return 0; }
  string what() const { return text("%d columns, %d taps", width, taps); }
  void choose(Random& random) { kernel = random_rows(random, 1, taps * width)[0]; }
  ShortConvolution arguments(Bench& bench) const {
    ShortConvolution a = {};
    a.kernel = put_vector(bench, kernel);
    return sized(a);
  }
  ShortConvolution sized(ShortConvolution a) const {
    a.width = width;
    a.taps = taps;
    return a;
  }
  template <class F> ShortConvolution room(F floats, int) const {
    ShortConvolution a = {};
    a.kernel = floats(taps * width);
    return a;
  }
  void set_aside(Bench&, int, ShortConvolution&) const {}
  vector<CarriedLaunch> launches(int rows, int) const { return {{"short_convolve", rows, (width + 1023) / 1024, true}}; }

  void expect(CarriedSequence& s) const {
    vector<double> state(this->state());
    auto channel = [&](int r, int c) { return (double)(float)(s.in[r][c] * s.in[r][2 * width + c]); };
    for (size_t t = 0; t < s.in.size(); t++) {
      vector<double> x = convolved(kernel, taps, width, (int)t, channel);
      for (int c = 0; c < width; c++) x[c] *= s.in[t][width + c];
      keep_channels(state, taps, width, (int)t, channel);
      s.out.push_back(x);
      s.states.push_back(state);
    }
  }
};

// Steps over some sequences' blocks, and whether these have the states that they are to have.
template <class Layer> struct CarriedSteps {
  Bench& bench;
  Random& random;
  const Layer& d;
  vector<CarriedSequence>& sequences;
  int blockTokens, blocks, groups = 1 + random.below(3), own = random.below(groups);
  int64_t stateOffset = 8, blockBytes = padded(8 + 4 * d.state(), 64);
  unsigned char* kv = (unsigned char*)bench.machine.allocate((size_t)blocks * blockBytes);
  decltype(d.arguments(bench)) a = d.arguments(bench);

  CarriedSteps(Bench& bench, Random& random, const Layer& d, vector<CarriedSequence>& sequences, int blockTokens, int blocks)
      : bench(bench), random(random), d(d), sequences(sequences), blockTokens(blockTokens), blocks(blocks) {
    a.kv = kv;
    a.blockBytes = blockBytes;
    a.stateOffset = stateOffset;
    a.blockTokens = blockTokens;
    a.groups = groups;
    a.group = own;
  }

  // What the block table has of a run: no block but its own, and of those none that is behind the token before it.
  vector<int> table(const Run& run) const {
    vector<int> entries(run.blocks.size() * groups, NOT_THERE);
    for (size_t i = std::max(run.from - 1, 0) / blockTokens; i < run.blocks.size(); i++) entries[i * groups + own] = run.blocks[i];
    return entries;
  }

  // A row of each of these runs' tokens; `operand`: rounded to BF16.
  vector<float> step(const vector<Run>& runs, const vector<int>& of, bool operand) {
    Rows in;
    for (size_t i = 0; i < runs.size(); i++)
      for (int r = 0; r < runs[i].count; r++) in.push_back(sequences[of[i]].in[runs[i].from + r]);
    int rows = (int)in.size(), operandRows = padded(rows, 128), columns = d.outputs();
    vector<Run> mine = runs;
    for (Run& run : mine) run.blocks = table(run);
    a.step = step_of(mine, 1).put(bench);
    a.inStride = padded(d.inputs(), 4);
    a.outStride = operand ? operandRows : padded(columns, 4);
    a.outOperand = operand;
    a.in = put(bench, in, a.inStride);
    a.out = bench.machine.allocate(operand ? operand_size(operandRows, columns) * 2 : (size_t)rows * a.outStride * 4);
    d.set_aside(bench, rows, a);
    for (const CarriedLaunch& each : d.launches(rows, (int)runs.size()))
      bench.launch(each.kernel, each.x + random.below(3), each.any ? 1 + random.below(each.y + 1) : each.y + random.below(2), 1, a);
    vector<float> out;
    if (operand) {
      vector<uint16_t> bits = bench.host((const uint16_t*)a.out, operand_size(operandRows, columns));
      for (int r = 0; r < rows; r++)
        for (int k = 0; k < tiles_of(columns) * 64; k++) {
          float x = (float)from_bf16(bits[operand_at(operandRows, r, k)]);
          if (k < columns)
            out.push_back(x);
          else if (x != 0)
            bench.fail("an operand does not end with zeros");
        }
    } else {
      vector<float> given = bench.host((const float*)a.out, (size_t)rows * a.outStride);
      for (int r = 0; r < rows; r++) out.insert(out.end(), given.begin() + r * a.outStride, given.begin() + r * a.outStride + columns);
    }
    return out;
  }

  // Sequences of which so many rows are computed. What was added to a state and has decayed since leaves what it was rounded by.
  void check_states(const vector<int>& lengths, const string& what) {
    vector<unsigned char> bytes = bench.host(kv, (size_t)blocks * blockBytes);
    vector<bool> used(blocks);
    for (size_t s = 0; s < sequences.size(); s++) {
      vector<double> largest(d.state());
      for (int at = 0; at < lengths[s]; at += blockTokens) {
        int block = sequences[s].blocks[at / blockTokens], end = std::min(at + blockTokens, lengths[s]);
        used[block] = true;
        for (int t = at; t < end; t++)
          for (int i = 0; i < d.state(); i++) largest[i] = std::max(largest[i], fabs(sequences[s].states[t][i]));
        const vector<double>& expected = sequences[s].states[end - 1];
        string where = what + text(", the state of sequence %d, block %d", (int)s, at / blockTokens);
        for (int i = 0; i < d.state(); i++) {
          float x;
          memcpy(&x, &bytes[block * blockBytes + stateOffset + 4 * i], 4);
          bench.near(x, expected[i], i < d.history() ? 0 : 2e-5 + 2e-5 * fabs(expected[i]) + 3e-7 * largest[i], where);
        }
      }
    }
    for (int64_t at = 0; at < (int64_t)bytes.size(); at++) {
      bool within = at % blockBytes >= stateOffset && at % blockBytes < stateOffset + 4 * d.state();
      if (bytes[at] != 0xff && !(within && used[at / blockBytes])) return bench.fail(what + ": something was written beside the states");
    }
  }
};

template <class Layer> void check_carried(Bench& bench, Random& random, Layer d, int blockTokens) {
  d.choose(random);
  string what = d.what() + text(", blocks of %d", blockTokens);
  vector<CarriedSequence> sequences;
  vector<int> order, lengths, none = {0, 0, 0};
  for (int length : {19, 1, 34}) {
    sequences.push_back({random_rows(random, length, d.inputs()), {}, {}, {}, {}});
    Rows& in = sequences.back().in;
    for (int head = 0; head < d.extremes(); head++) in[0][d.inputs() - 1 - head] = 200, in[length / 2][d.inputs() - 1 - head] = -200;
    d.expect(sequences.back());
    lengths.push_back(length);
    for (int at = 0; at < length; at += blockTokens) order.push_back((int)order.size());
  }
  int blocks = (int)order.size() + 1;
  for (int i = blocks - 2; i > 0; i--) std::swap(order[i], order[random.below(i + 1)]);
  for (CarriedSequence& s : sequences)
    for (size_t at = 0; at < s.in.size(); at += blockTokens) {
      s.blocks.push_back(order.back());
      order.pop_back();
    }
  CarriedSteps<Layer> whole(bench, random, d, sequences, blockTokens, blocks), cut(bench, random, d, sequences, blockTokens, blocks);
  for (size_t s = 0; s < sequences.size(); s++) {
    CarriedSequence& each = sequences[s];
    each.bits = whole.step({{0, lengths[s], each.blocks, false}}, {(int)s}, false);
    for (size_t t = 0; t < each.out.size(); t++) {
      string where = what + text(", sequence %d, row %d", (int)s, (int)t);
      for (int k = 0; k < d.outputs(); k++) bench.near(each.bits[t * d.outputs() + k], each.out[t][k], 2e-4 + 2e-4 * fabs(each.out[t][k]), where);
    }
  }
  whole.check_states(lengths, what);
  for (vector<int> done = none; done != lengths;) {
    vector<Run> runs;
    vector<int> of;
    for (int s : {2, 0, 1})
      if (int left = lengths[s] - done[s]; left > 0 && random.below(3)) {
        runs.push_back({done[s], std::min(left, random.one_of({1, 1, 2, 3, 5, 11})), sequences[s].blocks, false});
        of.push_back(s);
      }
    if (runs.empty()) continue;
    bool operand = random.below(2);
    vector<float> given = cut.step(runs, of, operand);
    auto at = given.begin();
    for (size_t i = 0; i < runs.size(); i++) {
      auto begin = sequences[of[i]].bits.begin() + runs[i].from * d.outputs();
      vector<float> mine(at, at + runs[i].count * d.outputs()), expected(begin, begin + (int)mine.size());
      for (float& x : expected) x = operand ? (float)bf16(x) : x;
      if (!same_bits(mine, expected)) bench.fail(what + text(": sequence %d has other bits in runs from %d", of[i], runs[i].from));
      at += mine.size();
      done[of[i]] += runs[i].count;
    }
    if (random.below(3) == 0) cut.check_states(done, what + ", in runs");
  }
  cut.check_states(lengths, what + ", in runs");
  bench.machine.release();
}

using Recalls = std::initializer_list<std::pair<const char*, int>>; // kernels, and the most rows of a matrix

void delta_networks(Bench& bench, int scale) {
  Random random = {43};
  vector<Delta> shapes = {{{2, 4, 128, 128, 4}}, {{1, 1, 64, 64, 4}}, {{2, 6, 8, 12, 4}}, {{3, 3, 5, 7, 2}},  {{1, 2, 16, 96, 1}}, {{1, 1, 1, 1, 3}},
                          {{1, 3, 100, 33, 6}},  {{2, 18, 3, 9, 4}},  {{1, 2, 150, 40, 3}}};
  if (scale > 1) shapes.push_back({{16, 32, 128, 128, 4}}), shapes.push_back({{1, 1, 300, 200, 9}});
  for (Delta& d : shapes)
    for (auto [recall, most] : Recalls{{"delta_recall_64", 64}, {"delta_recall_128", 128}, {"delta_recall_any", INT32_MAX}}) {
      d.tiled = !d.tiled;
      d.recall = recall;
      if (d.keyDim <= most) check_carried(bench, random, d, random.one_of({1, 2, 4, 8, 16}));
    }
}

void state_spaces(Bench& bench, int scale) {
  Random random = {47};
  vector<StateSpace> shapes = {{{1, 4, 128, 64, 4}, 1},  {{2, 8, 16, 8, 4}, 2, true}, {{1, 2, 256, 40, 4}, 0, true}, {{3, 3, 5, 7, 2}, 3},   {{2, 6, 9, 13, 1}, 6, true}, {{1, 1, 1, 1, 3}, 1, true},
                               {{5, 20, 33, 5, 6}, 20},  {{1, 9, 4, 3, 2}, 9, true},  {{2, 4, 140, 12, 4}, 0},       {{1, 2, 300, 9, 3}, 2}, {{1, 9, 12, 5, 4}, 5},       {{1, 3, 20, 50, 5}, 1}};
  if (scale > 1) shapes.push_back({{8, 64, 128, 64, 4}, 8}), shapes.push_back({{1, 48, 256, 64, 4}, 1, true});
  for (StateSpace& d : shapes)
    for (auto [recall, most] : Recalls{{"state_recall_128", 128}, {"state_recall_256", 256}, {"state_recall_any", INT32_MAX}}) {
      d.recall = recall;
      if (d.keyDim <= most) check_carried(bench, random, d, random.one_of({1, 2, 4, 8, 16}));
    }
}

void short_convolutions(Bench& bench, int scale) {
  Random random = {53};
  vector<Short> shapes = {{64, 3}, {1, 1}, {7, 2}, {1030, 4}, {130, 9}, {72, 1}, {33, 6}, {12, 40}};
  if (scale > 1) shapes.push_back({2048, 3}), shapes.push_back({4097, 5});
  for (const Short& d : shapes)
    for (int blockTokens : {1, 4, random.one_of({2, 8, 16})}) check_carried(bench, random, d, blockTokens);
}

void check_linear(Bench& bench, Random& random, const string& prefix, const string& type, int weightRows, int columns, int rows, int segments) {
  Matrix m = load(bench, random, type, weightRows, columns);
  Rows in = random_rows(random, rows, columns);
  if (rows > 2) in[1][columns / 3] = NAN;
  Rows bias = random_rows(random, 1, weightRows), before = random_rows(random, 1, rows * weightRows);
  int inRows = padded(rows, 128) + 128 * random.below(2);
  LinearRun run = {m, put_operand(bench, in, inRows, columns), inRows, random.below(2) ? put(bench, bias, weightRows) : nullptr,
                   rows, false, segments, {}, prefix};
  if (random.below(2))
    for (double x : before[0]) run.before.push_back((float)x);
  string what = text("%s [%d, %d], %d rows, %d segments", type.c_str(), weightRows, columns, rows, segments);
  vector<float> first = run.run(bench, 8, false, rows);
  for (int r = 0; r < rows; r++)
    for (int i = 0; i < weightRows; i++) {
      double sum = run.bias ? bias[0][i] : 0, size = fabs(sum) + 1e-3;
      for (int k = 0; k < columns; k++) {
        double x = bf16(in[r][k]) * m.used[i][k];
        sum += x;
        size += fabs(x);
      }
      if (!run.before.empty()) sum += run.before[r * weightRows + i];
      bench.near(first[r * weightRows + i], sum, 4e-6 * size, what + text(" row %d column %d", r, i));
    }
  for (int n : {8, 16, 32, 64, 128})
    for (bool apart : {false, true}) {
      if (apart && segments == 1) continue;
      if (!same_bits(run.run(bench, n, apart, rows + random.below(40)), first))
        bench.fail(what + text(": other bits with %d tokens a block, segments %s", n, apart ? "apart" : "together"));
    }
  bench.machine.release();
}

// What gates and ups give, to an operand of so many rows and back.
vector<float> gated_rows(Bench& bench, const string& function, const vector<float>& both, int rows, int operandRows) {
  int width = (int)both.size() / rows / 2;
  uint16_t* operand = bench.room<uint16_t>(operand_size(operandRows, width));
  bench.launch("gated_" + function, rows, 1, 1, Gated{plain_step(bench, rows), bench.device(both), operand, width, 2 * width, operandRows, 1});
  vector<uint16_t> bits = bench.host(operand, operand_size(operandRows, width));
  vector<float> values;
  for (int r = 0; r < rows; r++)
    for (int i = 0; i < width; i++) values.push_back((float)from_bf16(bits[operand_at(operandRows, r, i)]));
  return values;
}

// gate and up rows of one weight: as a product and its activation, and at once.
void check_gated(Bench& bench, Random& random, const string& prefix, const string& type, int width, int columns, int rows, int segments) {
  Matrix m = load(bench, random, type, 2 * width, columns);
  Rows in = random_rows(random, rows, columns), bias = random_rows(random, 1, 2 * width);
  int inRows = padded(rows, 128);
  float* b = random.below(2) ? put(bench, bias, 2 * width) : nullptr;
  LinearRun plain = {m, put_operand(bench, in, inRows, columns), inRows, b, rows, false, segments, {}, prefix};
  LinearRun fused = plain;
  fused.gated = true;
  vector<float> expected = gated_rows(bench, "silu", plain.run(bench, 8, false, rows), rows, inRows);
  for (int n : {8, 16, 32, 64, 128})
    for (bool apart : {false, true}) {
      if (apart && segments == 1) continue;
      if (!same_bits(fused.run(bench, n, apart, rows), expected))
        bench.fail(text("%s [2 x %d, %d], %d rows: other bits at once, with %d tokens a block, segments %s", type.c_str(), width, columns, rows, n,
                        apart ? "apart" : "together"));
    }
  bench.machine.release();
}

void linear_maps(Bench& bench, const string& prefix, int scale) {
  Random random = {6};
  for (const char* type : {"bf16", "q8_0", "q4_0", "mxfp4"}) {
    if (!bench.machine.has((prefix + type + "_n8").c_str())) continue;
    int unit = format(type).elements;
    for (auto [weightRows, columns, rows, segments] :
         vector<std::tuple<int, int, int, int>>{{1, unit, 1, 1}, {70, 96, 5, 1}, {64, 64, 1, 1}, {129, 320, 17, 2}, {200, 544, 35, 4}, {96, 1056, 130, 3}})
      check_linear(bench, random, prefix, type, weightRows, columns, rows, segments);
    check_gated(bench, random, prefix, type, 64, 96, 3, 1);
    check_gated(bench, random, prefix, type, 128, 416, 37, 4);
    if (scale > 1) {
      check_linear(bench, random, prefix, type, 256, 1024, 140, 4);
      check_gated(bench, random, prefix, type, 256, 1024, 140, 4);
    }
  }
  for (const char* type : {"q4_1", "q5_0", "q5_1", "q4_k", "q5_k", "q6_k", "q2_k", "q3_k", "iq4_nl", "iq4_xs", "iq1_s", "iq1_m", "iq2_xxs", "iq2_xs",
                           "iq2_s", "iq3_xxs", "iq3_s", "tq1_0", "tq2_0"}) {
    Matrix m = load(bench, random, type, 70, 512);
    m.type = kept_type(type);
    Rows in = random_rows(random, 3, 512);
    LinearRun run = {m, put_operand(bench, in, 128, 512), 128, nullptr, 3, false, 2, {}, prefix};
    vector<float> actual = run.run(bench, 8, true, 3);
    for (int r = 0; r < 3; r++)
      for (int i = 0; i < 70; i++) {
        double sum = 0, size = 0;
        for (int k = 0; k < 512; k++) {
          double x = bf16(in[r][k]) * m.used[i][k];
          sum += x, size += fabs(x);
        }
        bench.near(actual[r * 70 + i], sum, 1e-4 * size, text("%s row %d column %d", type, r, i));
      }
    bench.machine.release();
  }
}

// Every scale with every number, looked up and multiplied by 1.
void numbers_of_mxfp4(Bench& bench, int) {
  Random random = {18};
  int e = 0;
  Matrix m = load(bench, random, "mxfp4", 256, 32, [&] {
    vector<unsigned char> block(17);
    block[0] = (unsigned char)e++;
    for (int i = 0; i < 16; i++) block[1 + i] = (unsigned char)(i | (15 - i) << 4);
    return block;
  });
  vector<int> tokens;
  for (int i = 0; i < 256; i++) tokens.push_back(i);
  float* rows = bench.room<float>(256 * 32);
  bench.launch("embed_mxfp4", 256, 1, 1, Embed{step_of({{0, 256, {}, true}}, 1, tokens).put(bench), m.data, rows, 32, m.stride, 32, 0});
  vector<float> found = bench.host(rows, 256 * 32);
  Rows ones(32, vector<double>(32));
  for (int k = 0; k < 32; k++) ones[k][k] = 1;
  for (int r = 0; r < 256; r++)
    for (int k = 0; k < 32; k++) bench.near(found[r * 32 + k], (float)m.stored[r][k], 0, text("scale %d, number %d", r, k));
  for (const char* prefix : {"mma_linear_", "wgmma_linear_"})
    for (int n : {8, 16, 32, 64, 128}) {
      if (!bench.machine.has((prefix + string("mxfp4_n8")).c_str())) continue;
      LinearRun run = {m, put_operand(bench, ones, 128, 32), 128, nullptr, 32, false, 1, {}, prefix};
      vector<float> products = run.run(bench, n, false, 32);
      for (int k = 0; k < 32; k++)
        for (int r = 0; r < 256; r++) {
          double expected = 0;
          for (int i = 0; i < 32; i++) expected += ones[k][i] * m.used[r][i];
          bench.near(products[k * 256 + r], expected, 1e-37, text("%s%d, scale %d, number %d", prefix, n, r, k));
        }
    }
  bench.machine.release();
}

void plain_linear_maps(Bench& bench, int) {
  Random random = {7};
  for (const char* type : {"f32", "f16"})
    for (auto [weightRows, columns] : {std::pair{1, 1}, {3, 5}, {70, 37}, {129, 260}, {515, 18}})
      for (int rows : {1, 5, 35}) {
        Matrix m = load(bench, random, type, weightRows, columns);
        Rows in = random_rows(random, rows, columns), bias = random_rows(random, 1, weightRows);
        int inStride = padded(columns, 4), stride = padded(weightRows, 4);
        Linear a = {};
        a.in = put(bench, in, inStride);
        a.weight = m.data;
        a.bias = put(bench, bias, weightRows);
        a.inStride = inStride;
        a.weightRows = weightRows;
        a.columns = columns;
        a.weightStride = m.stride;
        a.segments = 1;
        a.outStride = stride;
        auto run = [&](int count, int first) {
          a.step = plain_step(bench, count);
          a.in = (const float*)a.in + first * inStride;
          float* out = bench.room<float>(count * stride);
          a.out = out;
          bench.launch(string("linear_") + type, (weightRows + 7) / 8, (count + 7) / 8 + 1, 1, a);
          a.in = (const float*)a.in - first * inStride;
          return bench.host(out, count * stride);
        };
        vector<float> all = run(rows, 0), last = run(1, rows - 1);
        for (int r = 0; r < rows; r++)
          for (int i = 0; i < weightRows; i++) {
            double sum = bias[0][i], size = 1;
            for (int k = 0; k < columns; k++) {
              double x = in[r][k] * m.used[i][k];
              sum += x, size += fabs(x);
            }
            bench.near(all[r * stride + i], sum, 1e-6 * size, text("%s [%d, %d] row %d column %d", type, weightRows, columns, r, i));
          }
        for (int i = 0; i < weightRows; i++)
          if (bits_of(all[(rows - 1) * stride + i]) != bits_of(last[i])) bench.fail(text("%s: other bits alone", type));
        bench.machine.release();
      }
}

// ---- experts

using Routes = vector<vector<int>>; // each row's experts, ascending

Routes random_routes(Random& random, int rows, int count, int used) {
  Routes routes(rows);
  for (auto& row : routes) {
    vector<int> all(count);
    for (int e = 0; e < count; e++) all[e] = e;
    for (int i = 0; i < used; i++) std::swap(all[i], all[i + random.below(count - i)]);
    row.assign(all.begin(), all.begin() + used);
    std::sort(row.begin(), row.end());
  }
  return routes;
}

vector<double> scores_of(bool sigmoid, const vector<double>& products) {
  vector<double> scores;
  double top = *std::max_element(products.begin(), products.end()), sum = 0;
  for (double x : products) sum += exp(x - top);
  for (double x : products) scores.push_back(sigmoid ? 1 / (1 + exp(-x)) : exp(x - top) / sum);
  return scores;
}

// With a bias, products that are apart.
Rows routed_rows(Random& random, int rows, int count, bool biased) {
  Rows products = random_rows(random, rows, count);
  if (biased)
    for (auto& row : products)
      for (int e = 0; e < count; e++) row[e] = (e * 13 % count) * 4.0 / count - 2;
  for (double& x : products[1]) x = nearbyint(x); // many are equal
  for (double& x : products[2]) x = 2.5;
  products[4][count / 2] = NAN;
  for (double& x : products[5]) x = NAN;
  for (double& x : products[6]) x = -INFINITY;
  products[7][count - 1] = INFINITY;
  products[8][count - 1] = -INFINITY;
  return products;
}

// Groups that a row's experts are in a few of.
struct Grouping {
  int groups = 1, used = 1;
  bool twoHighest = false;
};

// Which experts are in a row's best groups.
vector<bool> in_best_groups(const Grouping& grouping, const vector<double>& by) {
  int size = (int)by.size() / grouping.groups;
  vector<double> rank(grouping.groups);
  vector<int> order(grouping.groups);
  for (int g = 0; g < grouping.groups; g++) {
    vector<double> own(by.begin() + g * size, by.begin() + (g + 1) * size);
    std::sort(own.rbegin(), own.rend());
    rank[g] = grouping.twoHighest ? own[0] + own[1] : own[0];
    order[g] = g;
  }
  std::stable_sort(order.begin(), order.end(), [&](int x, int y) { return rank[x] > rank[y]; });
  vector<bool> in(by.size());
  for (int i = 0; i < grouping.used; i++)
    for (int e = order[i] * size; e < (order[i] + 1) * size; e++) in[e] = true;
  return in;
}

void routing_of(Bench& bench, Random& random, int count, int used, bool normalised, bool sigmoid, bool biased, Grouping grouping = {}) {
  int rows = 9, stride = padded(count, 4);
  Rows products = routed_rows(random, rows, count, biased);
  if (grouping.twoHighest)
    for (double& x : products[1]) x = fabs(x); // else groups are alike but for rounding: 1 / (1 + exp(-x)) + 1 / (1 + exp(x)) is 1
  vector<float> bias(count);
  // Further apart than scores are, and below 0 with them.
  for (int e = 0; e < count; e++) bias[e] = biased ? (float)(e * 7 % count - 2 * count) : 0.0f;
  vector<float> scales(count);
  for (int e = 0; e < count; e++) scales[e] = biased ? 1.0f + (float)(e % 5) / 4 : 1.0f;
  int32_t* experts = bench.room<int32_t>(rows * used);
  float* shares = bench.room<float>(rows * used);
  Route a = {plain_step(bench, rows), put(bench, products, stride), biased ? bench.device(bias) : nullptr, biased ? bench.device(scales) : nullptr, experts, shares, count, stride, used, normalised,
             0.75f, sigmoid, grouping.groups, grouping.used, grouping.twoHighest, 0};
  bench.launch("route", 4, 1, 1, a);
  vector<int32_t> chosen = bench.host(experts, rows * used);
  vector<float> actual = bench.host(shares, rows * used);
  for (int r = 0; r < rows; r++) {
    vector<double> score = scores_of(sigmoid, products[r]), by(count);
    bool number = true;
    for (int e = 0; e < count; e++) {
      by[e] = biased || grouping.twoHighest ? score[e] + bias[e] : products[r][e];
      number = number && by[e] == by[e];
    }
    vector<int> rank(count);
    for (int e = 0; e < count; e++) rank[e] = e;
    if (number) {
      vector<bool> in = in_best_groups(grouping, by);
      std::stable_sort(rank.begin(), rank.end(), [&](int x, int y) { return in[x] != in[y] ? in[x] : by[x] > by[y]; });
    }
    double sum = 0;
    for (int i = 0; i < used; i++) sum += score[rank[i]];
    double divisor = normalised ? std::max(sum, 0x1p-126) : 1;
    std::sort(rank.begin(), rank.begin() + used);
    for (int i = 0; i < used; i++) {
      string where = text("%d of %d, row %d, route %d", used, count, r, i) + (sigmoid ? ", sigmoid" : "") + (biased ? ", biased" : "") +
                     text(", %d of %d groups by %d", grouping.used, grouping.groups, grouping.twoHighest ? 2 : 1);
      bench.near(chosen[r * used + i], rank[i], 0, where);
      bench.near(actual[r * used + i], number ? score[rank[i]] / divisor * 0.75 * scales[rank[i]] : NAN, 1e-5, where + ", share");
    }
  }
  bench.machine.release();
}

void routing(Bench& bench, int) {
  Random random = {14};
  for (auto [count, used] : {std::pair{1, 1}, {5, 2}, {33, 33}, {64, 1}, {128, 8}, {1000, 3}})
    for (bool normalised : {true, false})
      for (bool sigmoid : {false, true})
        for (bool biased : {false, true}) routing_of(bench, random, count, used, normalised, sigmoid, biased);
}

void routing_by_groups(Bench& bench, int) {
  Random random = {18};
  for (auto [count, used, groups, groupsUsed] :
       {std::tuple{6, 2, 3, 1}, {9, 3, 3, 1}, {40, 8, 4, 2}, {256, 8, 8, 4}, {160, 6, 8, 3}, {64, 3, 32, 7}, {1024, 24, 32, 2}, {32, 5, 32, 5}, {99, 7, 33, 4}, {1024, 40, 512, 100}, {1000, 7, 1000, 20}})
    for (bool twoHighest : {false, true})
      for (bool sigmoid : {false, true})
        for (bool biased : {false, true})
          if (count > groups || !twoHighest)
            routing_of(bench, random, count, used, sigmoid, sigmoid, biased, {groups, groupsUsed, twoHighest});
}

// The routes of some rows in order.
struct Sorted {
  vector<int32_t> sources, places; // places of all rows, -1 for others
  vector<RouteTile> tiles;

  Sorted(const Routes& routes, int count, int first, int end, int width) {
    int used = (int)routes[0].size();
    places.assign(routes.size() * used, -1);
    for (int e = 0; e < count; e++) {
      int begin = (int)sources.size();
      for (int r = first; r < end; r++)
        for (int i = 0; i < used; i++)
          if (routes[r][i] == e) {
            places[r * used + i] = (int)sources.size();
            sources.push_back(r);
          }
      for (int at = begin; at < (int)sources.size(); at += width) tiles.push_back({e, at, std::min(width, (int)sources.size() - at)});
    }
  }
  Step* step(Bench& bench) const {
    StepData data;
    data.header.rows = (int)sources.size();
    data.header.tiles = (int)tiles.size();
    return data.put(bench);
  }
};

vector<int32_t> flat(const Routes& routes) {
  vector<int32_t> all;
  for (auto& row : routes) all.insert(all.end(), row.begin(), row.end());
  return all;
}

void sorting_of_routes(Bench& bench, int) {
  Random random = {15};
  for (auto [count, used, rows] : {std::tuple{1, 1, 1}, {7, 2, 3}, {9, 9, 70}, {128, 8, 90}, {1024, 3, 200}})
    for (auto [first, most] : {std::pair{0, rows}, {0, 2}, {rows / 2, rows}, {rows, 5}, {rows + 9, 5}})
      for (int width : {8, 64}) {
        Routes routes = random_routes(random, rows, count, used);
        Sorted expected(routes, count, std::min(first, rows), std::min(first + most, rows), width);
        Step* step = bench.device(vector<Step>(1));
        vector<int32_t> none(rows * used, -1);
        int32_t *places = bench.device(none), *sources = bench.device(none);
        RouteTile* tiles = bench.room<RouteTile>(rows * used);
        bench.launch("sort_routes", count, 1, 1,
                     SortRoutes{plain_step(bench, rows), bench.device(flat(routes)), step, tiles, sources, places, count, used, first, most, width, 0});
        string what = text("%d of %d, rows %d to %d of %d, %d a tile", used, count, first, first + most, rows, width);
        Step sorted = bench.host(step, 1)[0];
        bench.near(sorted.rows, (double)expected.sources.size(), 0, what + ": routes");
        bench.near(sorted.tiles, (double)expected.tiles.size(), 0, what + ": tiles");
        if (bench.host(places, rows * used) != expected.places) bench.fail(what + ": other places");
        if (bench.host(sources, expected.sources.size()) != expected.sources) bench.fail(what + ": other sources");
        vector<RouteTile> actual = bench.host(tiles, expected.tiles.size());
        if (!actual.empty() && memcmp(actual.data(), expected.tiles.data(), actual.size() * sizeof(RouteTile))) bench.fail(what + ": other tiles");
        bench.machine.release();
      }
}

// What a step of all rows has of a weight, by linear maps of the same bits, and of a function of its gates and ups if there is one.
vector<float> of_all_rows(Bench& bench, const Matrix& m, const float* bias, const Rows& in, const string& function, int segments = 1) {
  int rows = (int)in.size(), inRows = padded(rows, 128);
  if (!is_plain(m.type)) {
    LinearRun run = {m, put_operand(bench, in, inRows, m.columns), inRows, bias, rows, false, segments, {}, "mma_linear_"};
    vector<float> all = run.run(bench, 8, false, rows);
    return function.empty() ? all : gated_rows(bench, function, all, rows, inRows);
  }
  Linear a = {};
  a.bias = bias;
  a.step = plain_step(bench, rows);
  a.inStride = padded(m.columns, 4);
  a.in = put(bench, in, a.inStride);
  a.weight = m.data;
  a.out = bench.room<float>(rows * m.rows);
  a.weightRows = m.rows;
  a.columns = m.columns;
  a.weightStride = m.stride;
  a.segments = 1;
  a.outStride = m.rows;
  bench.launch("linear_" + m.type, (m.rows + 7) / 8, (rows + 7) / 8, 1, a);
  return bench.host((float*)a.out, rows * m.rows);
}

// Each head has the bits of a linear map of its own. Behind its columns are others, which are no numbers.
void check_heads(Bench& bench, Random& random, const string& type, int heads, int rows, int weightRows, int columns, int segments) {
  bool plain = is_plain(type);
  int unit = plain ? 4 : 64, own = padded(columns, unit), step = own + unit, inRows = padded(rows, 128);
  HeadLinear a = {};
  Rows in(rows, vector<double>(heads * step, NAN));
  vector<vector<float>> expected;
  for (int h = 0; h < heads; h++) {
    Matrix m = load(bench, random, type, weightRows, columns);
    Rows part = random_rows(random, rows, columns);
    part[rows / 2][columns / 2] = NAN;
    expected.push_back(of_all_rows(bench, m, nullptr, part, "", segments));
    for (int r = 0; r < rows; r++) {
      part[r].resize(own);
      std::copy(part[r].begin(), part[r].end(), in[r].begin() + h * step);
    }
    a.weights[h] = (uint64_t)m.data;
    a.weightStride = m.stride;
  }
  a.step = plain_step(bench, rows);
  a.inStride = plain ? heads * step : inRows;
  a.in = plain ? (void*)put(bench, in, a.inStride) : put_operand(bench, in, inRows, heads * step);
  a.inStep = plain ? step * 4 : step / 64 * inRows * 128;
  a.weightRows = weightRows;
  a.columns = columns;
  a.segments = segments;
  a.outStep = weightRows + 3;
  a.outColumn = 2;
  a.outStride = heads * a.outStep + 3;
  for (int n : {8, 64}) {
    if (plain && n > 8) continue;
    a.out = bench.room<float>(rows * a.outStride);
    string name = plain ? "heads_" + type : "mma_heads_" + type + "_n" + std::to_string(n);
    bench.launch(name, (plain ? (weightRows + 7) / 8 : tiles_of(weightRows)) + 1, (rows + n - 1) / n + 1, heads, a);
    vector<float> actual = bench.host(a.out, rows * a.outStride);
    for (int r = 0; r < rows; r++)
      for (int k = 0; k < a.outStride; k++) {
        int h = (k - a.outColumn) / a.outStep, i = k - a.outColumn - h * a.outStep;
        bool mapped = k >= a.outColumn && h < heads && i < weightRows;
        float x = actual[r * a.outStride + k];
        if (!mapped && bits_of(x) != ~0u) bench.fail(name + " wrote beside its columns");
        if (mapped && !same_bits({x}, {expected[h][r * weightRows + i]}))
          bench.fail(text("%s, %d heads [%d, %d]: other bits in row %d, head %d, column %d", name.c_str(), heads, weightRows, columns, r, h, i));
      }
  }
  bench.machine.release();
}

void maps_of_heads(Bench& bench, int scale) {
  Random random = {42};
  for (const char* type : {"bf16", "q8_0", "q4_0", "mxfp4", "f32", "f16"}) {
    int unit = format(type).elements, segments = is_plain(type) ? 1 : 4;
    check_heads(bench, random, type, 1, 1, 1, unit, 1);
    check_heads(bench, random, type, 3, 9, 70, 96, 1);
    check_heads(bench, random, type, MAX_HEADS, 2, 5, 32, 1);
    check_heads(bench, random, type, 2, 70 * scale, 128, 512, segments);
  }
}

// A route has the bits of its row in a step. `gathered`: routes take rows of a step, else each its own; `function`: of gates and ups.
void check_routed(Bench& bench, Random& random, const string& type, int count, int used, int rows, int weightRows, int columns, const string& function,
                  bool gathered) {
  bool gated = !function.empty(), biased = random.below(2);
  vector<Matrix> experts;
  vector<uint64_t> addresses, biases;
  for (int e = 0; e < count; e++) {
    experts.push_back(load(bench, random, type, weightRows, columns));
    addresses.push_back((uint64_t)experts[e].data);
    if (biased) biases.push_back((uint64_t)put(bench, random_rows(random, 1, weightRows), weightRows));
  }
  Routes routes = random_routes(random, rows, count, used);
  int taken = gathered ? rows : rows * used, width = gated ? weightRows / 2 : weightRows;
  Rows in = random_rows(random, taken, columns);
  in[taken / 2][columns / 2] = NAN;
  vector<vector<float>> expected;
  for (int e = 0; e < count; e++) expected.push_back(of_all_rows(bench, experts[e], biased ? (const float*)biases[e] : nullptr, in, function));
  bool plain = is_plain(type);
  for (int n : {8, 64}) {
    if (plain && n > 8) continue;
    Sorted sorted(routes, count, 0, rows, n);
    int all = rows * used, inRows = padded(taken, 128), stride = gated ? padded(all, 128) : padded(width, 4) + 8;
    size_t outBytes = gated ? operand_size(stride, width) * 2 : (size_t)all * stride * 4;
    RoutedLinear a = {};
    a.routes = sorted.step(bench);
    a.tileOf = bench.device(sorted.tiles);
    a.sources = gathered ? bench.device(sorted.sources) : nullptr;
    a.weights = bench.device(addresses);
    a.biases = biased ? bench.device(biases) : nullptr;
    a.inStride = plain ? padded(columns, 4) : inRows;
    a.in = plain ? (void*)put(bench, in, a.inStride) : put_operand(bench, in, inRows, columns);
    a.out = bench.room<unsigned char>(outBytes);
    a.weightRows = weightRows;
    a.columns = columns;
    a.weightStride = experts[0].stride;
    a.outStride = stride;
    a.outColumn = gated ? 0 : 4;
    string suffix = !gated ? "" : function == "silu" ? "_gated" : "_gated_" + function;
    string name = plain ? "routed_" + type : "mma_routed_" + type + suffix + "_n" + std::to_string(n);
    bench.launch(name, plain ? (weightRows + 7) / 8 : tiles_of(width), (uint32_t)sorted.tiles.size() + 2, 1, a);
    vector<unsigned char> bytes = bench.host((unsigned char*)a.out, outBytes);
    for (const RouteTile& tile : sorted.tiles)
      for (int route = tile.first; route < tile.first + tile.count; route++) {
        const float* row = &expected[tile.expert][(gathered ? sorted.sources[route] : route) * width];
        for (int i = 0; i < width; i++) {
          float x = gated ? (float)from_bf16(((uint16_t*)bytes.data())[operand_at(stride, route, i)]) : ((float*)bytes.data())[route * stride + 4 + i];
          if (bits_of(x) != bits_of(row[i]) && (x == x || row[i] == row[i]))
            bench.fail(text("%s, %d of %d experts [%d, %d]: other bits in route %d of row %d, column %d", name.c_str(), used, count, weightRows, columns, route,
                            sorted.sources[route], i));
        }
      }
  }
  bench.machine.release();
}

void routed_products(Bench& bench, int scale) {
  Random random = {16};
  for (const char* type : {"bf16", "q8_0", "q4_0", "mxfp4", "f32", "f16"})
    for (bool gathered : {true, false}) {
      int unit = format(type).elements;
      check_routed(bench, random, type, 1, 1, 1, 1, unit, "", gathered);
      check_routed(bench, random, type, 5, 2, 9, 70, 96, "", gathered);
      check_routed(bench, random, type, 3, 2, 130 * scale, 129, 352, "", gathered);
      for (const char* function : {"silu", "swiglu_oai"}) {
        if (is_plain(type)) continue;
        check_routed(bench, random, type, 4, 3, 5, 128, 32, function, gathered);
        check_routed(bench, random, type, 2, 1, 150, 256, 416, function, gathered);
      }
    }
}

void sums_of_routes(Bench& bench, int) {
  Random random = {17};
  for (auto [columns, used, first, most] : {std::tuple{1, 1, 0, 9}, {12, 2, 3, 2}, {3000, 5, 0, 9}, {260, 3, 8, 4}}) {
    int rows = 9, routes = rows * used, givenStride = padded(columns, 4) + 4, stride = padded(columns, 4);
    Rows given = random_rows(random, routes, columns), before = random_rows(random, rows, columns);
    vector<int32_t> places(routes);
    vector<float> shares(routes);
    for (int i = 0; i < routes; i++) {
      places[i] = routes - 1 - i;
      shares[i] = (float)random.unit();
    }
    shares[0] = NAN;
    float* out = put(bench, before, stride);
    bench.launch("add_routes", 2, most + 3, 1,
                 AddRoutes{plain_step(bench, rows), bench.device(places), bench.device(shares), put(bench, given, givenStride), out, columns, givenStride, stride,
                           used, first, most});
    vector<float> actual = bench.host(out, rows * stride);
    for (int r = 0; r < rows; r++)
      for (int k = 0; k < columns; k++) {
        float sum = (float)before[r][k];
        for (int i = r * used; i < (r + 1) * used && r >= first && r < first + most; i++) sum += shares[i] * (float)given[places[i]][k];
        bench.near(actual[r * stride + k], sum, 1e-5, text("%d columns, row %d column %d", columns, r, k));
      }
    bench.machine.release();
  }
}

void products_of_routes(Bench& bench, int) {
  Random random = {18};
  for (auto [columns, used, first, most] : {std::tuple{1, 1, 0, 9}, {12, 2, 3, 2}, {3000, 3, 0, 9}}) {
    int rows = 9, routes = rows * used, stride = padded(columns, 4) + 4;
    Rows before = random_rows(random, routes, columns);
    vector<int32_t> places(routes);
    vector<float> shares(routes);
    for (int i = 0; i < routes; i++) {
      places[i] = routes - 1 - i;
      shares[i] = (float)random.unit();
    }
    float* out = put(bench, before, stride);
    bench.launch("scale_routes", 2, most + 3, 1,
                 ScaleRoutes{plain_step(bench, rows), bench.device(places), bench.device(shares), out, columns, stride, used, first, most, 0});
    vector<float> actual = bench.host(out, routes * stride);
    for (int i = 0; i < routes; i++)
      for (int k = 0; k < columns; k++) {
        bool taken = i / used >= first && i / used < first + most;
        float expected = (float)before[places[i]][k] * (taken ? shares[i] : 1.0f);
        bench.near(actual[places[i] * stride + k], expected, 0, text("%d columns, route %d column %d", columns, i, k));
      }
    bench.machine.release();
  }
}

// ---- attention

struct AttentionCase {
  int heads, kvHeads, headDim, pairs, window, blockTokens;
  bool norms, interleaved, operand, normsBehind = false, chunked = false;
  string type; // of the cache
  vector<Rows> sequences;
  Rows queryGain, keyGain, sinks; // a row of sinks, or none
  float softcap = 0;    // of the plain kernel
  int decodeBlocks = 0; // of a launch; 0: any number
  string decode = "attention_decode_"; // the kernels of runs of one row
  double frequency(int pair) const { return pow(100, -2.0 * pair / headDim); }
  double growth(int position) const { return 1 + 0.1 * log(1 + position / 8); } // of queries
  int columns() const { return (heads + 2 * kvHeads) * headDim; }
  int stride() const { return padded(columns(), 4); }
  int rowBytes() const { return headDim / format(type).elements * format(type).bytes; }
  int64_t layerBytes() const { return 2ll * kvHeads * blockTokens * rowBytes(); }
  string describe() const {
    return text("%s, %d:%d heads of %d with %d pairs, %s %d, softcap %g, blocks of %d%s%s%s", type.c_str(), heads, kvHeads, headDim, pairs, chunked ? "chunks of" : "window", window, softcap, blockTokens,
                !norms ? "" : normsBehind ? ", norms behind" : ", norms",
                interleaved ? ", interleaved" : "", sinks.empty() ? "" : ", sinks");
  }
};

vector<double> normalised(vector<double> x, const Rows* gain) {
  if (!gain) return x;
  double sum = 0;
  for (double v : x) sum += v * v;
  for (size_t i = 0; i < x.size(); i++) x[i] *= (*gain)[0][i] / sqrt(sum / (double)x.size() + 1e-5f);
  return x;
}

vector<double> turned(const AttentionCase& c, const double* head, const Rows* gain, int position, double growth = 1) {
  vector<double> x = normalised(vector<double>(head, head + c.headDim), c.normsBehind ? nullptr : gain);
  vector<double> y = x;
  for (int i = 0; i < c.pairs; i++) {
    int first = c.interleaved ? 2 * i : i, second = c.interleaved ? 2 * i + 1 : i + c.pairs;
    double co = growth * cos(position * c.frequency(i)), si = growth * sin(position * c.frequency(i));
    y[first] = x[first] * co - x[second] * si;
    y[second] = x[first] * si + x[second] * co;
  }
  return normalised(y, c.normsBehind ? gain : nullptr);
}

// What each row of a sequence attends to, in float64; `rounded`: of queries, keys and values as tensor cores take them.
Rows expected_attention(const AttentionCase& c, Rows rows, bool rounded) {
  auto rounding = [&](vector<double> x) {
    if (rounded)
      for (double& v : x) v = bf16(v);
    return x;
  };
  Rows out(rows.size(), vector<double>(c.heads * c.headDim));
  for (int h = 0; h < c.heads; h++) {
    int kv = h / (c.heads / c.kvHeads);
    Rows keys;
    for (size_t p = 0; p < rows.size(); p++)
      keys.push_back(rounding(turned(c, &rows[p][(c.heads + kv) * c.headDim], c.norms ? &c.keyGain : nullptr, (int)p)));
    for (int p = 0; p < (int)rows.size(); p++) {
      vector<double> q = rounding(turned(c, &rows[p][h * c.headDim], c.norms ? &c.queryGain : nullptr, p, c.growth(p)));
      int first = c.chunked ? p - p % c.window : std::max(0, p - (c.window - 1));
      vector<double> w;
      double sink = c.sinks.empty() ? -INFINITY : c.sinks[0][h], most = sink;
      for (int j = first; j <= p; j++) {
        double s = 0;
        for (int i = 0; i < c.headDim; i++) s += q[i] * keys[j][i];
        w.push_back(c.softcap > 0 ? c.softcap * tanh(0.3f * s / c.softcap) : 0.3f * s);
        most = std::max(most, w.back());
      }
      double sum = exp(sink - most);
      for (double& x : w) sum += x = exp(x - most);
      for (int j = first; j <= p; j++)
        for (int i = 0; i < c.headDim; i++) out[p][h * c.headDim + i] += w[j - first] / sum * rows[j][(c.heads + c.kvHeads + kv) * c.headDim + i]; // rounding values changes little
    }
  }
  return out;
}

// Computes all sequences in steps of up to `chunk` rows of each; `simt`: by the plain kernel.
vector<vector<float>> attend(Bench& bench, const AttentionCase& c, Random random, int chunk, bool simt) {
  int layers = 2, blocks = 3, groups = 1 + random.below(3), own = random.below(groups);
  vector<vector<int>> tables;
  for (auto& rows : c.sequences) {
    vector<int> table;
    for (size_t i = 0; i * c.blockTokens < rows.size(); i++)
      for (int g = 0; g < groups; g++) table.push_back(g == own ? blocks++ : NOT_THERE);
    tables.push_back(table);
  }
  vector<int> order(blocks);
  for (int i = 0; i < blocks; i++) order[i] = i;
  for (int i = blocks; i > 1; i--) std::swap(order[i - 1], order[random.below(i)]);
  for (auto& table : tables)
    for (int& b : table) b = b == NOT_THERE ? b : order[b];
  int64_t blockBytes = layers * c.layerBytes();
  unsigned char* kv = bench.device(vector<unsigned char>(blocks * blockBytes, 0xff));
  int longest = 0;
  for (auto& rows : c.sequences) longest = std::max(longest, (int)rows.size());
  vector<float> turns, grown;
  for (int p = 0; p < longest; p++)
    for (int i = 0; i < c.pairs; i++)
      for (double turn : {cos(p * c.frequency(i)), sin(p * c.frequency(i))}) {
        turns.push_back((float)turn);
        grown.push_back((float)(c.growth(p) * turn));
      }
  float *queryTurns = bench.device(grown), *keyTurns = bench.device(turns);
  float *queryNorm = c.norms ? put(bench, c.queryGain, c.headDim) : nullptr, *keyNorm = c.norms ? put(bench, c.keyGain, c.headDim) : nullptr;
  const float* sinks = c.sinks.empty() ? nullptr : put(bench, c.sinks, c.heads);
  int32_t* arrivals = bench.device(vector<int32_t>(c.sequences.size() * c.kvHeads));
  vector<vector<float>> results(c.sequences.size());
  int width = c.heads * c.headDim, group = c.heads / c.kvHeads;
  for (int from = 0; from < longest; from += chunk) {
    vector<Run> runs;
    vector<int> who;
    Rows in;
    for (size_t s = 0; s < c.sequences.size(); s++) {
      int count = std::min(chunk, (int)c.sequences[s].size() - from);
      if (count <= 0) continue;
      runs.push_back({from, count, tables[s], true});
      who.push_back((int)s);
      in.insert(in.end(), c.sequences[s].begin() + from, c.sequences[s].begin() + from + count);
    }
    StepData data = step_of(runs, group);
    Step* step = data.put(bench);
    int rows = data.header.rows;
    float* qkv = put(bench, in, c.stride());
    bench.launch("rotate_store_" + c.type, rows + 1, 1 + random.below(3), 1,
                 RotateStore{step, qkv, queryNorm, keyNorm, nullptr, queryTurns, keyTurns, kv, blockBytes, c.layerBytes(), c.stride(), c.heads, c.kvHeads, c.headDim,
                             c.blockTokens, c.interleaved, 1e-5f, c.pairs, c.headDim, 0, c.normsBehind, groups, own, 0});
    int outStride = c.operand ? padded(rows, 128) : padded(width, 4);
    size_t outBytes = c.operand ? operand_size(outStride, width) * 2 : (size_t)rows * outStride * 4;
    unsigned char* out = bench.room<unsigned char>(outBytes);
    float* partials = bench.room<float>((size_t)data.header.parts * c.heads * (c.headDim + 4));
    Attention a = {step, qkv, kv, out, partials, arrivals, sinks, blockBytes, c.layerBytes(), c.stride(), c.heads, c.kvHeads, c.headDim, c.blockTokens, c.window,
                   outStride, c.operand, 0.3f, c.softcap, c.headDim, c.chunked, groups, own};
    if (simt) {
      bench.launch("attention_simt_" + c.type, rows + 1, c.heads, 1, a);
    } else {
      string w = c.headDim <= 64 ? "64" : c.headDim <= 96 ? "96" : "128";
      int decodeBlocks = c.decodeBlocks > 0 ? c.decodeBlocks : 1 + random.below(data.header.parts * c.kvHeads + 3);
      bool fits = c.decode != "stream_attention_decode_" || (w != "64" && c.blockTokens >= 8);
      if (data.header.parts > 0) bench.launch((fits ? c.decode : "attention_decode_") + w, decodeBlocks, 1, 1, a);
      string prefill = (bench.machine.has(("stream_attention_prefill_" + w).c_str()) && random.below(3) > 0 ? "stream_attention_prefill_" : "attention_prefill_") + w;
      if (data.header.tiles > 0) bench.launch(prefill, data.header.tiles + random.below(2), c.kvHeads, 1, a);
    }
    for (size_t s = 0; s < c.sequences.size(); s++) {
      int next = std::min(from + chunk, (int)c.sequences[s].size()), first = c.chunked ? next - next % c.window : std::max(0, next - (c.window - 1));
      for (int i = 0; i < first / c.blockTokens; i++) tables[s][i * groups + own] = NOT_THERE;
    }
    vector<unsigned char> bytes = bench.host(out, outBytes);
    int row = 0;
    for (size_t i = 0; i < runs.size(); i++)
      for (int r = 0; r < runs[i].count; r++, row++)
        for (int k = 0; k < width; k++) {
          float x;
          if (c.operand)
            x = (float)from_bf16(((uint16_t*)bytes.data())[operand_at(outStride, row, k)]);
          else
            memcpy(&x, &bytes[(row * outStride + k) * 4], 4);
          results[who[i]].push_back(x);
        }
    if (c.operand)
      for (int r = 0; r < rows; r++)
        for (int k = width; k < tiles_of(width) * 64; k++)
          if (((uint16_t*)bytes.data())[operand_at(outStride, r, k)] != 0) bench.fail("columns beyond the real ones are not zero");
  }
  return results;
}

AttentionCase random_attention(Random& random, const string& type, std::initializer_list<int> dims, std::initializer_list<int> lengths) {
  AttentionCase c;
  c.type = type;
  c.kvHeads = 1 + random.below(3);
  c.heads = c.kvHeads * random.one_of({1, 2, 4, 7, 16, 20});
  c.headDim = random.one_of(dims);
  c.window = random.one_of({INT32_MAX, 1, 3, 17, 100, 300});
  c.blockTokens = random.one_of({1, 4, 16, 5, 48});
  c.norms = random.below(2);
  c.interleaved = random.below(2);
  c.pairs = random.below(3) ? c.headDim / 2 : random.below(c.headDim / 2 + 1);
  c.operand = random.below(2);
  for (int length : lengths) c.sequences.push_back(random_rows(random, length, c.columns()));
  c.queryGain = random_rows(random, 1, c.headDim);
  c.keyGain = random_rows(random, 1, c.headDim);
  c.normsBehind = random.below(2);
  c.chunked = random.below(2);
  return c;
}

void check_results(Bench& bench, const AttentionCase& c, const vector<vector<float>>& actual, bool rounded, double off) {
  for (size_t s = 0; s < c.sequences.size(); s++) {
    Rows expected = expected_attention(c, c.sequences[s], rounded);
    int width = c.heads * c.headDim;
    for (size_t r = 0; r < expected.size(); r++)
      for (int k = 0; k < width; k++) {
        bench.near(actual[s][r * width + k], expected[r][k], off, c.describe() + text(", sequence %d, row %d, column %d", (int)s, (int)r, k));
      }
  }
}

vector<string> decode_kernels(Bench& bench) {
  vector<string> names = {"attention_decode_", "attention_few_"};
  if (bench.machine.has("stream_attention_decode_128")) names.push_back("stream_attention_decode_");
  return names;
}

void tensor_core_attention(Bench& bench, int scale) {
  vector<string> decodes = decode_kernels(bench);
  for (int seed = 0; seed < 4 * scale; seed++) {
    Random random = {(uint64_t)(100 + seed)};
    AttentionCase c = seed % 2 ? random_attention(random, "bf16", {8, 16, 64, 72, 96, 128}, {1, 75, 20}) : random_attention(random, "bf16", {64, 96, 128}, {270, 2});
    if (seed % 4 == 1) c.sinks = random_rows(random, 1, c.heads);
    vector<vector<float>> whole = attend(bench, c, random, 1000, false);
    check_results(bench, c, whole, true, 0.06);
    for (int chunk : {1, 2 + random.below(60)}) {
      if (chunk == 1 && seed == 2 && scale == 1) continue;
      c.decode = decodes[(seed + chunk) % decodes.size()];
      vector<vector<float>> other = attend(bench, c, random, chunk, false);
      for (size_t s = 0; s < whole.size(); s++)
        if (!same_bits(whole[s], other[s])) bench.fail(c.describe() + text(": other bits in chunks of %d", chunk));
    }
    bench.machine.release();
  }
}

// Steps of one row of several sequences of several parts, in fewer blocks than there is work and in more.
void decode_of_many_parts(Bench& bench, int scale) {
  for (int seed = 0; seed < 3 * scale; seed++) {
    Random random = {(uint64_t)(150 + seed)};
    int before = random.one_of({513, 300});
    AttentionCase c = random_attention(random, "bf16", {seed % 3 == 0 ? 128 : seed % 3 == 1 ? 96 : 64}, {before + 1, 2, before + 1});
    c.kvHeads = 1 + seed % 2;
    c.heads = seed % 3 == 2 ? 17 * c.kvHeads : 2 * c.kvHeads;
    c.window = random.one_of({INT32_MAX, 290});
    for (Rows& rows : c.sequences) rows = random_rows(random, (int)rows.size(), c.columns());
    if (seed % 2) c.sinks = random_rows(random, 1, c.heads);
    vector<vector<float>> whole = attend(bench, c, random, 1000, false);
    for (const string& decode : decode_kernels(bench))
      for (int blocks : {1, 5, 100}) {
        c.decode = decode;
        c.decodeBlocks = blocks;
        vector<vector<float>> other = attend(bench, c, random, before, false);
        for (size_t s = 0; s < whole.size(); s++)
          if (!same_bits(whole[s], other[s])) bench.fail(c.describe() + text(": other bits by %s in %d blocks after %d rows", decode.c_str(), blocks, before));
      }
    bench.machine.release();
  }
}

void simt_attention(Bench& bench, int scale) {
  for (const char* type : {"f32", "f16", "bf16", "q8_0"})
    for (int seed = 0; seed < 2 * scale; seed++) {
      Random random = {(uint64_t)(200 + seed)};
      AttentionCase c = string(type) == "q8_0" ? random_attention(random, type, {32, 64, 96}, {70, 3}) : random_attention(random, type, {2, 6, 10, 64, 160}, {70, 3});
      if (seed == 1) c = random_attention(random, type, {32}, {3, 261});
      c.softcap = seed % 2 ? 0.0f : 0.8f;
      if (seed / 2 % 2 == seed % 2) c.sinks = random_rows(random, 1, c.heads);
      vector<vector<float>> whole = attend(bench, c, random, 1000, true);
      check_results(bench, c, whole, false, string(type) == "f32" ? c.operand ? 0.02 : 1e-4 : string(type) == "q8_0" ? 0.12 : 0.05);
      vector<vector<float>> other = attend(bench, c, random, 1 + random.below(60), true);
      for (size_t s = 0; s < whole.size(); s++)
        if (!same_bits(whole[s], other[s])) bench.fail(c.describe() + ": other bits in chunks");
      bench.machine.release();
    }
}

// Sinks of any size in all kernels: right, with the same bits by any of them, and those without sinks where all of them are nothing.
void sinks_of_heads(Bench& bench, int) {
  for (int headDim : {64, 96, 128}) {
    Random random = {(uint64_t)(400 + headDim)};
    AttentionCase c = random_attention(random, "bf16", {headDim}, {260, 3});
    c.kvHeads = 2;
    c.heads = 6;
    c.window = INT32_MAX;
    c.blockTokens = 16;
    for (Rows& rows : c.sequences) rows = random_rows(random, (int)rows.size(), c.columns());
    vector<vector<float>> none = attend(bench, c, random, 259, false);
    c.sinks = {vector<double>(c.heads, -INFINITY)};
    if (!same_bits(none[0], attend(bench, c, random, 259, false)[0])) bench.fail(c.describe() + ": sinks that are nothing count");
    c.sinks = {{-INFINITY, 0, 3, -2, 40, 700}};
    for (bool simt : {false, true}) {
      vector<vector<float>> whole = attend(bench, c, random, 1000, simt);
      check_results(bench, c, whole, !simt, 0.06);
      for (const string& decode : simt ? vector<string>{""} : decode_kernels(bench)) {
        c.decode = decode;
        vector<vector<float>> other = attend(bench, c, random, 259, simt);
        for (size_t s = 0; s < whole.size(); s++)
          if (!same_bits(whole[s], other[s])) bench.fail(c.describe() + ": other bits by " + decode);
      }
    }
    c.sequences[0][100][0] = NAN; // a query whose scores are no numbers
    vector<vector<float>> spoiled = attend(bench, c, random, 1000, false);
    for (int k = 0; k < headDim; k++)
      if (std::isfinite(spoiled[0][100 * c.heads * headDim + k])) bench.fail(c.describe() + ": a sink hides what is no number");
    bench.machine.release();
  }
}

// Keys and values of one row are no numbers: rows before it must not know.
void not_a_number_in_one_row(Bench& bench, int) {
  for (int headDim : {64, 96, 128})
    for (bool simt : {false, true}) {
      Random random = {300};
      AttentionCase c = random_attention(random, "bf16", {headDim}, {150});
      c.window = 40;
      c.chunked = false;
      c.operand = false;
      vector<vector<float>> clean = attend(bench, c, random, 1000, simt);
      AttentionCase spoiled = c;
      for (double& x : spoiled.sequences[0][70]) x = NAN;
      for (int i = 0; i < c.headDim; i++) spoiled.sequences[0][110][(c.heads + c.kvHeads) * c.headDim + i] = INFINITY;
      vector<string> decodes = simt ? vector<string>{""} : decode_kernels(bench);
      for (size_t i = 0; i < 2 + decodes.size(); i++) {
        int chunk = i == 0 ? 1000 : i == 1 ? 64 : 1;
        spoiled.decode = decodes[i < 2 ? 0 : i - 2];
        vector<vector<float>> actual = attend(bench, spoiled, random, chunk, simt);
        int width = c.heads * c.headDim;
        for (int r = 0; r < 150; r++) {
          bool sees = (r >= 70 && r < 70 + 40) || (r >= 110 && r < 110 + 40);
          bool same = true, finite = true;
          for (int k = 0; k < (sees ? c.heads / c.kvHeads * c.headDim : width); k++) {
            float x = actual[0][r * width + k];
            same = same && bits_of(x) == bits_of(clean[0][r * width + k]);
            finite = finite && std::isfinite(x);
          }
          if (sees ? finite : !same) bench.fail(text("%d dimensions, chunks of %d, row %d %s", headDim, chunk, r, sees ? "hides it" : "shows it"));
        }
      }
      bench.machine.release();
    }
}

// ---- sampling

uint64_t mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

struct Ruled {
  Draw draw;
  vector<float> logits;
  vector<uint32_t> counts;
  vector<Bias> biases;
};

// The tokens that may be drawn where rounding decides nothing, as dev.serval.api.Sampling lays down.
vector<int> allowed(const Ruled& r) {
  int n = (int)r.logits.size();
  vector<float> x = r.logits;
  for (int i = 0; i < n && !r.counts.empty(); i++)
    if (r.counts[i]) {
      double generated = r.counts[i] & ~SEEN, once = x[i] > 0 ? x[i] / r.draw.repetition : x[i] * r.draw.repetition;
      x[i] = (float)(generated > 0 ? once - r.draw.presence - generated * r.draw.frequency : once);
    }
  for (const Bias& b : r.biases) x[b.token] += b.bias;
  vector<int> rank(n);
  for (int i = 0; i < n; i++) rank[i] = i;
  std::stable_sort(rank.begin(), rank.end(), [&](int a, int b) { return x[a] > x[b]; });
  if (std::isinf(x[rank[0]])) return {NO_TOKEN};
  for (float v : x)
    if (v != v) return {NO_TOKEN};
  if (r.draw.temperature == 0) return {rank[0]};
  vector<double> w(n);
  for (int i = 0; i < n; i++) w[i] = exp((x[i] - (double)x[rank[0]]) / r.draw.temperature);
  size_t keep = r.draw.topK ? std::min(r.draw.topK, n) : n;
  double mass = 0;
  for (size_t i = 0; i < keep; i++) mass += w[rank[i]];
  if (r.draw.topP < 1) {
    double sum = 0;
    size_t i = 0;
    while (i < keep && sum < r.draw.topP * mass) sum += w[rank[i++]];
    keep = std::max<size_t>(i, 1);
  }
  vector<int> ids(rank.begin(), rank.begin() + keep);
  ids.erase(std::remove_if(ids.begin(), ids.end(), [&](int id) { return w[id] < r.draw.minP; }), ids.end());
  std::sort(ids.begin(), ids.end());
  double total = 0;
  for (int id : ids) total += w[id];
  double place = (double)(mixed(r.draw.state + (r.draw.drawn + 1) * 0x9e3779b97f4a7c15ull) >> 11) * 0x1p-53 * total;
  vector<int> near;
  double sum = 0;
  for (int id : ids) {
    double slack = 3e-5 * total; // weights are rounded, and so may the cut fall one token away
    if (sum - slack <= place && place < sum + w[id] + slack && w[id] > 0) near.push_back(id);
    sum += w[id];
  }
  return near;
}

Ruled random_rules(Random& random, int vocabulary, int seed) {
  Ruled r = {};
  double spread = random.one_of({1.0, 3.0, 8.0});
  bool coarse = random.below(3) == 0; // many ties
  for (int i = 0; i < vocabulary; i++) r.logits.push_back((float)(coarse ? nearbyint(spread * random.normal()) : spread * random.normal()));
  r.draw.temperature = random.one_of({0.0, 0.3, 1.0, 2.0});
  r.draw.topP = random.one_of({1.0, 0.9, 0.5, 0.99, 1e-6});
  r.draw.minP = random.one_of({0.0, 0.0, 0.05, 1.0});
  r.draw.topK = random.one_of({0, 1, 5, 40, vocabulary, 2 * vocabulary});
  r.draw.repetition = random.one_of({1.0, 1.3});
  r.draw.presence = random.one_of({0.0, 0.7});
  r.draw.frequency = random.one_of({0.0, -0.4});
  r.draw.state = mixed(seed);
  r.draw.drawn = random.below(1000);
  if (random.below(2))
    for (int i = 0; i < vocabulary; i++) r.counts.push_back(random.below(4) ? 0 : random.below(2) ? SEEN : random.below(3) + 1);
  if (random.below(2))
    for (int i = 0; i < vocabulary; i += 1 + random.below(vocabulary)) r.biases.push_back({i, (float)(5 * random.normal())});
  if (seed % 16 == 3) r.logits[random.below(vocabulary)] = NAN;
  if (seed % 16 == 7) r.logits[random.below(vocabulary)] = INFINITY;
  if (seed % 16 == 9) r.logits[random.below(vocabulary)] = -INFINITY;
  return r;
}

void sampling(Bench& bench, int scale) {
  Random random = {8};
  for (int vocabulary : {1, 3, 64, 1000, 5003, scale > 1 ? 128256 : 9001}) {
    vector<Ruled> all;
    int draws = 24, tables = 0, stride = padded(vocabulary, 4);
    vector<float> logits(draws * stride, NAN);
    vector<uint32_t> counts;
    vector<Draw> list;
    vector<Bias> biases;
    for (int i = 0; i < draws; i++) {
      Ruled r = random_rules(random, vocabulary, vocabulary * 100 + i);
      r.draw.row = draws - 1 - i;
      r.draw.counts = r.counts.empty() ? -1 : tables++;
      counts.insert(counts.end(), r.counts.begin(), r.counts.end());
      r.draw.firstBias = (int)biases.size();
      r.draw.biasCount = (int)r.biases.size();
      biases.insert(biases.end(), r.biases.begin(), r.biases.end());
      std::copy(r.logits.begin(), r.logits.end(), logits.begin() + r.draw.row * stride);
      list.push_back(r.draw);
      all.push_back(r);
    }
    StepData data = step_of({{0, 1, {}, true}}, 1);
    data.header.draws = draws;
    data.header.drawOf = data.append(list);
    data.header.biases = data.append(biases);
    int32_t* tokens = bench.room<int32_t>(draws);
    uint32_t* table = bench.device(counts);
    bench.launch("sample", draws + 1, 1, 1, Sample{data.put(bench), bench.device(logits), table, tokens, vocabulary, stride});
    vector<int32_t> actual = bench.host(tokens, draws);
    vector<uint32_t> after = bench.host(table, counts.size());
    for (int i = 0; i < draws; i++) {
      vector<int> may = allowed(all[i]);
      const Draw& d = all[i].draw;
      if (std::find(may.begin(), may.end(), actual[i]) == may.end())
        bench.fail(text("of %d, temperature %g, top-k %d, top-p %g, min-p %g: drew %d, not %d (of %d)", vocabulary, d.temperature, d.topK, d.topP, d.minP,
                        actual[i], may.empty() ? -2 : may[0], (int)may.size()));
      if (d.counts >= 0) {
        vector<uint32_t> wanted = all[i].counts;
        if (actual[i] >= 0 && actual[i] < vocabulary) wanted[actual[i]]++;
        if (!std::equal(wanted.begin(), wanted.end(), after.begin() + (size_t)d.counts * vocabulary)) bench.fail("what was drawn is not counted");
      }
    }
    bench.machine.release();
  }
}

void counting(Bench& bench, int) {
  vector<int32_t> tokens;
  Random random = {9};
  vector<uint32_t> expected(50);
  for (int i = 0; i < 600; i++) {
    tokens.push_back(random.below(50));
    if (i < 300)
      expected[tokens[i]] |= SEEN;
    else
      expected[tokens[i]]++;
  }
  uint32_t* counts = bench.device(vector<uint32_t>(50));
  bench.launch("count_tokens", 3, 1, 1, Count{bench.device(tokens), counts, 300, 600});
  if (bench.host(counts, 50) != expected) bench.fail("counts differ");
  bench.machine.release();
}

int run_cases(Machine& machine, const char* filter, int scale) {
  using Case = std::pair<const char*, std::function<void(Bench&)>>;
  vector<Case> cases = {
      {"embeddings", [&](Bench& b) { embeddings(b, scale); }},
      {"unpacking", [&](Bench& b) { unpacking(b, scale); }},
      {"vectors", [&](Bench& b) { vectors(b, scale); }},
      {"norms", [&](Bench& b) { norms(b, scale); }},
      {"scaled sums and softcaps", [&](Bench& b) { scaled_sums_and_softcaps(b, scale); }},
      {"rounding and gathering", [&](Bench& b) { rounding_and_gathering(b, scale); }},
      {"gated activations", [&](Bench& b) { gated_activations(b, scale); }},
      {"ungated activations", [&](Bench& b) { ungated_activations(b, scale); }},
      {"gated outputs", [&](Bench& b) { gated_outputs(b, scale); }},
      {"streams", [&](Bench& b) { streams(b, scale); }},
      {"delta networks", [&](Bench& b) { delta_networks(b, scale); }},
      {"state spaces", [&](Bench& b) { state_spaces(b, scale); }},
      {"short convolutions", [&](Bench& b) { short_convolutions(b, scale); }},
      {"linear maps, mma", [&](Bench& b) { linear_maps(b, "mma_linear_", scale); }},
      {"linear maps, wgmma",
[&](Bench& b) {
         if (machine.has("wgmma_linear_bf16_n8")) linear_maps(b, "wgmma_linear_", scale);
       }},
      {"linear maps, numbers of MXFP4", [&](Bench& b) { numbers_of_mxfp4(b, scale); }},
      {"linear maps, plain", [&](Bench& b) { plain_linear_maps(b, scale); }},
      {"linear maps, heads", [&](Bench& b) { maps_of_heads(b, scale); }},
      {"experts, routes", [&](Bench& b) { routing(b, scale); }},
      {"experts, routes by groups", [&](Bench& b) { routing_by_groups(b, scale); }},
      {"experts, order of routes", [&](Bench& b) { sorting_of_routes(b, scale); }},
      {"experts, products", [&](Bench& b) { routed_products(b, scale); }},
      {"experts, products by shares", [&](Bench& b) { products_of_routes(b, scale); }},
      {"experts, sums", [&](Bench& b) { sums_of_routes(b, scale); }},
      {"attention, tensor cores", [&](Bench& b) { tensor_core_attention(b, scale); }},
      {"attention, tensor cores, many parts", [&](Bench& b) { decode_of_many_parts(b, scale); }},
      {"attention, plain", [&](Bench& b) { simt_attention(b, scale); }},
      {"attention, sinks", [&](Bench& b) { sinks_of_heads(b, scale); }},
      {"attention, what is no number", [&](Bench& b) { not_a_number_in_one_row(b, scale); }},
      {"sampling", [&](Bench& b) { sampling(b, scale); }},
      {"counting", [&](Bench& b) { counting(b, scale); }},
  };
  int failed = 0;
  for (auto& [name, run] : cases) {
    if (!strstr(name, filter)) continue;
    Bench bench = {machine, name};
    clock_t began = clock();
    run(bench);
    printf("%s %s", bench.failures ? "FAILED" : "passed", name);
    if (bench.failures) printf(" (%d)", bench.failures);
    printf(", %.1f s\n", (double)(clock() - began) / CLOCKS_PER_SEC);
    fflush(stdout);
    failed += bench.failures != 0;
  }
  return failed;
}

} // namespace serval_cases
