// The cases of src/test/cpp on a device, and times of what is not a linear map.
#pragma once

#include "../cpp/kernel_cases.cpp"
#include "check.h"

namespace portable {

using namespace serval;

// Which source, and so which module, a kernel is in.
inline std::string file_of(const std::string& kernel) {
  static const std::pair<const char*, const char*> files[] = {{"pack_", "pack"},     {"widen_", "pack"},    {"rotate_", "rotate"},
                                                              {"delta_", "recurrent"}, {"state_", "recurrent"}, {"short_", "recurrent"},
                                                              {"mma_routed_", "experts"}, {"routed_", "experts"}, {"route", "experts"},
                                                              {"sort_", "experts"}, {"add_routes", "experts"}, {"scale_routes", "experts"},
                                                              {"mma_", "linear"},    {"linear_", "linear"}, {"heads_", "linear"}, {"wgmma_", "linear_hopper"},
                                                              {"stream_attention_", "attention_hopper"}, {"attention_", "attention"}, {"sample", "sample"},  {"count_", "sample"}};
  for (auto& [prefix, file] : files)
    if (kernel.rfind(prefix, 0) == 0) return file;
  return "rows";
}

struct Bytes {
  unsigned char bytes[sizeof(HeadLinear)]; // as the largest structure has
};

class Device : public serval_cases::Machine {
  Gpu& gpu;
  std::vector<CUdeviceptr> blocks;
  int launches = 0;

public:
  explicit Device(Gpu& gpu) : gpu(gpu) {}
  void* allocate(size_t bytes) override {
    blocks.push_back(gpu.allocate(bytes));
    gpu.driver.cuMemsetD8(blocks.back(), 0xff, bytes);
    gpu.check(gpu.driver.cuCtxSynchronize(), "filling memory");
    return (void*)blocks.back();
  }
  void release() override {
    gpu.wait();
    for (CUdeviceptr at : blocks) gpu.release(at);
    blocks.clear();
  }
  void write(void* to, const void* from, size_t bytes) override {
    gpu.wait();
    gpu.write((CUdeviceptr)to, from, bytes);
  }
  void read(void* to, const void* from, size_t bytes) override {
    gpu.wait();
    gpu.check(gpu.driver.cuMemcpyDtoH(to, (CUdeviceptr)from, bytes), "cuMemcpyDtoH");
  }
  bool has(const char* kernel) override { return gpu.lists(kernel); }
  // Every other launch with the attribute that lets kernels overlap.
  void launch(const char* kernel, uint32_t x, uint32_t y, uint32_t z, const void* argument, size_t bytes) override {
    Bytes room = {};
    memcpy(room.bytes, argument, bytes);
    gpu.launch(gpu.kernel(file_of(kernel), kernel), {x, y, z}, room, launches++ % 2 == 0);
  }
};

template <int WHICH> void cases(Checks& checks) {
  static const char* names[] = {"embeddings", "vectors", "norms", "rounding", "gated", "linear maps, mma", "linear maps, wgmma", "linear maps, plain",
                                "attention, tensor", "attention, plain", "attention, what", "sampling", "counting", "experts,", "linear maps, numbers",
                                "attention, sinks", "delta", "state spaces", "short convolutions", "linear maps, heads"};
  Device device(checks.gpu);
  checks.failures += serval_cases::run_cases(device, names[WHICH], 2);
}

// A step over caches of one layer whose contents do not matter.
struct Scene {
  Gpu& gpu;
  int heads, kvHeads, headDim, blockTokens = 16;
  std::vector<CUdeviceptr> all;
  serval_cases::StepData data;
  CUdeviceptr step, qkv, kv, out, partials, arrivals, turns;
  int64_t blockBytes;
  int rows;

  CUdeviceptr room(size_t bytes, int value) {
    CUdeviceptr at = gpu.allocate(bytes);
    gpu.driver.cuMemsetD8(at, (unsigned char)value, bytes);
    all.push_back(at);
    return at;
  }

  Scene(Gpu& gpu, int heads, int kvHeads, int headDim, std::vector<serval_cases::Run> runs) : gpu(gpu), heads(heads), kvHeads(kvHeads), headDim(headDim) {
    int blocks = 0;
    int longest = 0;
    for (auto& run : runs) {
      for (int i = 0; i < run.from + run.count; i += blockTokens) run.blocks.push_back(blocks++);
      longest = std::max(longest, run.from + run.count);
    }
    for (auto& run : runs) // blocks of sequences lie among each other, as they do after a while
      for (int& b : run.blocks) b = (int)((uint64_t)b * 7919 % blocks);
    data = serval_cases::step_of(runs, heads / kvHeads);
    rows = data.header.rows;
    blockBytes = 2ll * kvHeads * blockTokens * headDim * 2;
    memcpy(data.bytes.data(), &data.header, sizeof data.header);
    step = room(data.bytes.size(), 0);
    gpu.write(step, data.bytes.data(), data.bytes.size());
    size_t stride = (size_t)(heads + 2 * kvHeads) * headDim;
    qkv = room(rows * stride * 4, 0x3c);
    kv = room(blocks * blockBytes, 0x3c);
    out = room((size_t)(rows + 127) / 128 * 128 * heads * headDim * 4, 0);
    partials = room((size_t)std::max(1, data.header.parts) * heads * (headDim + 4) * 4, 0);
    arrivals = room((size_t)runs.size() * kvHeads * 4, 0);
    turns = room((size_t)longest * headDim * 4, 0x3c);
    gpu.check(gpu.driver.cuCtxSynchronize(), "a scene");
  }
  ~Scene() {
    for (CUdeviceptr at : all) gpu.release(at);
  }

  Attention attention() const {
    return {(const Step*)step, (const float*)qkv, (const void*)kv, (void*)out, (float*)partials, (int32_t*)arrivals, nullptr, blockBytes, 0,
            (heads + 2 * kvHeads) * headDim, heads, kvHeads, headDim, blockTokens, INT32_MAX, (rows + 127) / 128 * 128, 1, 0.088f, 0, headDim, 0, 1, 0};
  }
  RotateStore rotation() const {
    return {(const Step*)step, (float*)qkv, nullptr, nullptr, (const float*)turns, (const float*)turns, (void*)kv, blockBytes, 0, (heads + 2 * kvHeads) * headDim, heads, kvHeads,
            headDim, blockTokens, 0, 1e-5f, headDim / 2, headDim, 0, 0, 1, 0};
  }
};

inline double graph_time(Gpu& gpu, int many, const std::function<void()>& work) {
  CUgraphExec exec = gpu.record([&] {
    for (int i = 0; i < many; i++) work();
  });
  double us = gpu.time(7, [&](int) { gpu.launch(exec); }) / many;
  gpu.driver.cuGraphExecDestroy(exec);
  return us;
}

inline void time_prefill(Checks& checks) {
  Gpu& gpu = checks.gpu;
  for (auto [heads, kvHeads, dim, rows, from] : std::vector<std::tuple<int, int, int, int, int>>{
           {32, 8, 128, 8192, 0}, {32, 8, 128, 2048, 0}, {32, 8, 128, 2048, 6144}, {32, 8, 64, 8192, 0}, {32, 32, 96, 8192, 0}, {28, 4, 128, 4096, 0}, {32, 8, 128, 7, 8185}}) {
    Scene scene(gpu, heads, kvHeads, dim, {{from, rows, {}, true}});
    double seen = (double)rows * from + (double)rows * (rows + 1) / 2;
    for (std::string way : {"attention_prefill_", "stream_attention_prefill_"}) {
      std::string name = way + std::to_string(dim);
      Kernel kernel = gpu.kernel(file_of(name), name);
      double us = graph_time(gpu, 4, [&] { gpu.launch(kernel, {(unsigned)scene.data.header.tiles, (unsigned)kvHeads}, scene.attention(), true); });
      checks.row("time %-28s %d:%d heads, rows %5d from %5d: %8.1f us, %6.1f TFLOP/s", name.c_str(), heads, kvHeads, rows, from, us, 4.0 * dim * heads * seen / us / 1e6);
    }
  }
}

inline void time_decode_attention(Checks& checks) {
  Gpu& gpu = checks.gpu;
  for (auto [heads, kvHeads, dim, sequences, length] : std::vector<std::tuple<int, int, int, int, int>>{
           {32, 8, 128, 1, 100}, {32, 8, 128, 1, 1024}, {32, 8, 128, 1, 8192}, {32, 8, 128, 1, 65536}, {32, 8, 128, 16, 1024}, {32, 8, 128, 16, 8192},
           {32, 8, 128, 16, 600}, {32, 8, 128, 64, 512}, {32, 8, 128, 64, 600}, {32, 8, 128, 64, 670}, {32, 8, 128, 64, 4096}, {32, 8, 64, 64, 4096},
           {32, 32, 96, 16, 4096}}) {
    std::vector<serval_cases::Run> runs(sequences, {length - 1, 1, {}, true});
    Scene scene(gpu, heads, kvHeads, dim, runs);
    double bytes = 4.0 * dim * kvHeads * (double)length * sequences;
    for (std::string way : {"attention_decode_", "attention_few_", "stream_attention_decode_"}) {
      std::string name = way + std::to_string(dim);
      if (!gpu.lists(name)) continue;
      Kernel kernel = gpu.kernel(file_of(name), name);
      char line[240];
      int n = snprintf(line, sizeof line, "time %-27s %d:%d heads, %2d of %5d, us (GB/s) by blocks a multiprocessor:", name.c_str(), heads, kvHeads, sequences, length);
      for (int each : {1, 2, 3, 4, 1000}) {
        unsigned grid = (unsigned)std::min<int64_t>((int64_t)scene.data.header.parts * kvHeads, (int64_t)each * gpu.multiprocessors);
        double us = graph_time(gpu, 8, [&] { gpu.launch(kernel, {grid}, scene.attention(), true); });
        n += snprintf(line + n, sizeof line - n, " %d: %.1f (%.0f)", each, us, bytes / us / 1e3);
      }
      checks.row("%s", line);
    }
  }
}

inline void time_rows(Checks& checks) {
  Gpu& gpu = checks.gpu;
  for (int rows : {1, 16, 64, 2048, 8192}) {
    Scene scene(gpu, 32, 8, 128, rows <= 64 ? std::vector<serval_cases::Run>(rows, {1000, 1, {}, true}) : std::vector<serval_cases::Run>{{0, rows, {}, true}});
    CUdeviceptr hidden = scene.room((size_t)rows * 4096 * 4, 0x3c), gain = scene.room(4096 * 4, 0x3c), operand = scene.room((size_t)(rows + 127) / 128 * 128 * 14336 * 2, 0),
                gateUp = scene.room((size_t)rows * 28672 * 4, 0x3c);
    int operandRows = (rows + 127) / 128 * 128;
    double norm = graph_time(gpu, 16, [&] {
      gpu.launch(gpu.kernel("rows", "rms_norm_operand"), {(unsigned)rows},
                 RmsNorm{(const Step*)scene.step, (const float*)hidden, (const float*)gain, (void*)operand, 4096, 4096, operandRows, 1e-5f}, true);
    });
    double rotate = graph_time(gpu, 16, [&] { gpu.launch(gpu.kernel("rotate", "rotate_store_bf16"), {(unsigned)rows, rows <= 64 ? 6u : 1u}, scene.rotation(), true); });
    double gate = graph_time(gpu, 16, [&] {
      gpu.launch(gpu.kernel("rows", "gated_silu"), {(unsigned)rows}, Gated{(const Step*)scene.step, (const float*)gateUp, (void*)operand, 14336, 28672, operandRows, 1}, true);
    });
    checks.row("time rows %4d: rms_norm_operand of 4096 %.1f us, rotate_store_bf16 of 32 + 8 heads %.1f us, gated_silu of 14336 %.1f us", rows, norm, rotate, gate);
  }
}

// A layer that carries a state along, in decodes and in prompts; with how fast states are read and written.
template <class Layer> void time_carried(Checks& checks, const char* name, const Layer& layer) {
  Gpu& gpu = checks.gpu;
  for (int rows : {1, 16, 64, 512, 8192}) {
    Scene scene(gpu, 1, 1, 8, rows <= 64 ? std::vector<serval_cases::Run>(rows, {255, 1, {}, true}) : std::vector<serval_cases::Run>{{0, rows, {}, true}});
    int perBlock = 256, runs = rows <= 64 ? rows : 1, blocks = (runs == 1 ? (rows + 255) / 256 : runs), operandRows = (rows + 127) / 128 * 128;
    std::vector<serval_cases::Run> list;
    for (int i = 0; i < runs; i++) {
      list.push_back({rows <= 64 ? 255 : 0, rows <= 64 ? 1 : rows, {}, true});
      for (int b = 0; b < blocks / runs; b++) list[i].blocks.push_back(i * (blocks / runs) + b);
    }
    serval_cases::StepData data = serval_cases::step_of(list, 1);
    memcpy(data.bytes.data(), &data.header, sizeof data.header);
    CUdeviceptr step = scene.room(data.bytes.size(), 0);
    gpu.write(step, data.bytes.data(), data.bytes.size());
    auto room = [&](size_t floats) { return (float*)scene.room(floats * 4, 0x3c); };
    auto a = layer.sized(layer.room(room, rows));
    a.step = (const Step*)step;
    a.in = room((size_t)rows * layer.inputs());
    a.inStride = layer.inputs();
    a.out = (void*)scene.room((size_t)operandRows * layer.outputs() * 2, 0);
    a.outStride = operandRows;
    a.outOperand = 1;
    a.blockBytes = 4ll * layer.state();
    a.blockTokens = perBlock;
    a.groups = 1;
    a.kv = (void*)scene.room(blocks * a.blockBytes, 0);
    std::string times;
    for (const serval_cases::CarriedLaunch& each : layer.launches(rows, runs)) {
      double time = graph_time(gpu, 8, [&] { gpu.launch(gpu.kernel("recurrent", each.kernel), {(unsigned)each.x, (unsigned)each.y}, a, true); });
      double rate = (rows <= 64 ? 2.0 * runs : blocks) * a.blockBytes / time / 1e3;
      times += serval_cases::text("%s %s %.1f us", times.empty() ? ":" : ",", each.kernel.c_str(), time);
      if (!each.any || each.kernel == "short_convolve") times += serval_cases::text(" (%.0f GB/s)", rate);
    }
    checks.row("time %s, rows %4d%s", name, rows, times.c_str());
  }
}

// Layers as those of Qwen3-Next, of Nemotron-H, of Falcon-H1 and of LFM2.
inline void time_carried(Checks& checks) {
  time_carried(checks, "delta networks", serval_cases::Delta{{16, 32, 128, 128, 4, "delta_recall_128"}});
  time_carried(checks, "state spaces of 128", serval_cases::StateSpace{{8, 128, 128, 64, 4, "state_recall_128"}, 8, true});
  time_carried(checks, "state spaces of 256", serval_cases::StateSpace{{2, 48, 256, 64, 4, "state_recall_256"}, 1, true});
  time_carried(checks, "short convolutions", serval_cases::Short{2048, 3});
}

inline void time_sampling(Checks& checks) {
  Gpu& gpu = checks.gpu;
  const int vocabulary = 128256;
  struct Rule {
    const char* name;
    double temperature, topP;
    int topK;
  };
  for (int draws : {1, 64})
    for (Rule rule : {Rule{"greedy", 0, 1, 0}, Rule{"temperature", 1, 1, 0}, Rule{"top-k 40", 1, 1, 40}, Rule{"top-p 0.9", 1, 0.9, 0}, Rule{"top-k 40, top-p 0.9", 1, 0.9, 40}}) {
      serval_cases::StepData data = serval_cases::step_of({{0, 1, {}, true}}, 1);
      std::vector<Draw> list;
      for (int i = 0; i < draws; i++) {
        Draw d = {};
        d.temperature = rule.temperature, d.topP = rule.topP, d.topK = rule.topK, d.repetition = 1, d.state = 99, d.drawn = i, d.row = i, d.counts = -1;
        list.push_back(d);
      }
      data.header.draws = draws;
      data.header.drawOf = data.append(list);
      memcpy(data.bytes.data(), &data.header, sizeof data.header);
      std::vector<float> logits((size_t)draws * vocabulary);
      serval_cases::Random random = {7};
      for (float& x : logits) x = (float)(3 * random.normal());
      CUdeviceptr step = gpu.allocate(data.bytes.size()), scores = gpu.allocate(logits.size() * 4), tokens = gpu.allocate(draws * 4);
      gpu.write(step, data.bytes.data(), data.bytes.size());
      gpu.write(scores, logits.data(), logits.size() * 4);
      double us = graph_time(gpu, 4, [&] {
        gpu.launch(gpu.kernel("sample", "sample"), {(unsigned)draws}, Sample{(const Step*)step, (float*)scores, nullptr, (int32_t*)tokens, vocabulary, vocabulary}, true);
      });
      checks.row("time sample %2d of %d, %-20s %.1f us", draws, vocabulary, rule.name, us);
      gpu.release(step);
      gpu.release(scores);
      gpu.release(tokens);
    }
}

inline GroupOf caseGroups[] = {
    {"cases-embeddings", 20, cases<0>},      {"cases-vectors", 20, cases<1>},           {"cases-norms", 20, cases<2>},
    {"cases-rounding", 20, cases<3>},        {"cases-gated", 20, cases<4>},             {"cases-linear-mma", 40, cases<5>},
    {"cases-linear-wgmma", 40, cases<6>},    {"cases-linear-plain", 20, cases<7>},      {"cases-attention", 60, cases<8>},
    {"cases-attention-simt", 60, cases<9>},  {"cases-attention-nan", 20, cases<10>},    {"cases-sampling", 20, cases<11>},
    {"cases-counting", 20, cases<12>},       {"cases-experts", 40, cases<13>},          {"cases-mxfp4", 20, cases<14>},
    {"cases-attention-sinks", 40, cases<15>}, {"cases-delta", 40, cases<16>},           {"cases-state-spaces", 40, cases<17>},
    {"cases-short-convolutions", 20, cases<18>}, {"cases-heads", 20, cases<19>},        {"time-prefill", 20, time_prefill},
    {"time-decode-attention", 20, time_decode_attention},
    {"time-rows", 20, time_rows},            {"time-carried", 40, time_carried},        {"time-sampling", 20, time_sampling},
};

} // namespace portable
