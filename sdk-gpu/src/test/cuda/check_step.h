// Whole steps of an 8B model as one graph: how long, and what each kind of kernel adds to it.
#pragma once

#include "check_linear.h"
#include "check_portable.h"

namespace steps {

using linear::Shape;

// Kinds of kernels, which a step may leave out.
struct Kinds {
  bool norms = true, stores = true, attention = true, products = true;
};

class ModelStep {
 public:
  ModelStep(Checks& checks, linear::Type type, std::vector<serval_cases::Run> runs)
      : gpu(checks.gpu),
        scene(gpu, 32, 8, 128, std::move(runs)),
        products(checks, type, weight_bytes(type), scene.rows),
        variant({true, type, linear::n_for(scene.rows)}) {}

  static size_t weight_bytes(linear::Type type) {
    int64_t tiles = linear::HEAD.tiles();
    for (const Shape& shape : linear::layer()) tiles += LAYERS * shape.tiles();
    return tiles * type.tileBytes;
  }

  double time(Kinds kinds = {}) {
    products.start_over();
    CUgraphExec exec = gpu.record([&] {
      for (int i = 0; i < LAYERS; i++) layer(kinds);
    });
    double us = gpu.time(5, [&](int) { gpu.launch(exec); });
    gpu.driver.cuGraphExecDestroy(exec);
    return us;
  }

 private:
  static constexpr int LAYERS = 32, KEY_HEADS = 8;
  Gpu& gpu;
  portable::Scene scene;
  linear::Timing products;
  linear::Variant variant;

  void layer(Kinds kinds) {
    const std::vector<Shape>& shapes = linear::layer();
    if (kinds.norms) products.norm(true);
    if (kinds.products) product(shapes[0]);
    if (kinds.stores) store();
    if (kinds.attention) attend();
    if (kinds.products) product(shapes[1]);
    if (kinds.norms) products.norm(true);
    if (kinds.products) product(shapes[2]);
    if (kinds.products) product(shapes[3]);
  }

  void product(const Shape& shape) { products.launch(variant, shape, linear::segments_of(shape), variant.n < 128, true); }

  void store() { launch("rotate_store_bf16", (unsigned)scene.rows, scene.rows > 64 ? 1 : 6, scene.rotation()); }

  // As AttentionKernels chooses.
  void attend() {
    const serval::Step& step = scene.data.header;
    if (step.tiles > 0) launch("stream_attention_prefill_128", step.tiles, KEY_HEADS, scene.attention());
    if (step.parts == 0) return;
    unsigned work = step.parts * KEY_HEADS, multiprocessors = gpu.multiprocessors;
    if (work > 4 * multiprocessors)
      launch("stream_attention_decode_128", 2 * multiprocessors, 1, scene.attention());
    else
      launch(work <= 2 * multiprocessors ? "attention_few_128" : "attention_decode_128", work, 1, scene.attention());
  }

  template <class Argument> void launch(const char* name, unsigned x, unsigned y, Argument argument) {
    gpu.launch(gpu.kernel(portable::file_of(name), name), {x, y}, argument, true);
  }
};

inline void time_step(Checks& checks, const char* what, ModelStep& step) {
  double all = step.time();
  checks.row("time step of 32 layers, %s: %.0f us; less without norms %.0f, stores %.0f, attention %.0f, products %.0f; those alone %.0f, %.0f, %.0f, %.0f", what, all,
             all - step.time({.norms = false}), all - step.time({.stores = false}), all - step.time({.attention = false}), all - step.time({.products = false}),
             step.time({true, false, false, false}), step.time({false, true, false, false}), step.time({false, false, true, false}), step.time({false, false, false, true}));
}

template <int SEQUENCES> void time_decode(Checks& checks) {
  ModelStep step(checks, linear::BF16, std::vector<serval_cases::Run>(SEQUENCES, {649, 1, {}, true}));
  time_step(checks, (std::to_string(SEQUENCES) + " sequences of 650 tokens").c_str(), step);
}

inline void time_prefill(Checks& checks) {
  ModelStep step(checks, linear::BF16, {{0, 8192, {}, true}});
  time_step(checks, "a prompt of 8192 tokens", step);
}

static GroupOf one("step_1", 20, time_decode<1>), sixteen("step_16", 20, time_decode<16>), sixtyFour("step_64", 20, time_decode<64>), prompt("step_prefill", 30, time_prefill);

} // namespace steps
