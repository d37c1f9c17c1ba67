// cuBLASLt, as far as products of BF16 matrices go: descriptors, one algorithm, and the product as work of a stream.
#include "api.h"

#include <algorithm>
#include <cstring>

namespace standin {
namespace {

enum Status : int { DONE = 0, INVALID = 7, INTERNAL = 14, UNSUPPORTED = 15 };

constexpr int REAL_32F = 0, REAL_16BF = 14, COMPUTE_32F = 68;
constexpr int PLAIN = 0, TRANSPOSED = 1;
constexpr int WITHOUT_BIAS = 1, WITH_BIAS = 4;
constexpr uint64_t ALGORITHM = 0x5e5e5e5e;
constexpr size_t WORKSPACE = 4096;

struct Layout {
  int type;
  uint64_t rows, columns;
  int64_t leading;
};

struct Description {
  int compute, scale;
  int transposeA = PLAIN, transposeB = PLAIN;
  int epilogue = WITHOUT_BIAS;
  uint64_t bias = 0;
};

struct Preference {
  uint64_t workspace = 0;
};

struct Heuristic {
  uint64_t algorithm[8];
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
};

struct Product {
  const uint16_t* a;
  const uint16_t* b;
  const float* bias;
  const float* c;
  float* d;
  void* workspace;
  float alpha, beta;
  int64_t m, n, k, leadingA, leadingB, leadingC, leadingD;
};

float widened(uint16_t bits) {
  uint32_t word = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &word, sizeof value);
  return value;
}

void product(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, size_t, const void* argument) {
  const auto& p = *static_cast<const Product*>(argument);
  if (p.workspace != nullptr) std::memset(p.workspace, 0x7f, WORKSPACE); // it is anybody's
  for (int64_t n = 0; n < p.n; n++) {
    for (int64_t m = 0; m < p.m; m++) {
      double sum = 0;
      for (int64_t k = 0; k < p.k; k++) sum += double(widened(p.a[m * p.leadingA + k])) * widened(p.b[n * p.leadingB + k]);
      double before = p.beta == 0 ? 0 : p.beta * p.c[n * p.leadingC + m];
      p.d[n * p.leadingD + m] = float(p.alpha * sum + before + (p.bias == nullptr ? 0 : p.bias[m]));
    }
  }
}

const HostKernel PRODUCT = {"cublasLtMatmul", product, sizeof(Product)};

// A call that gives a cublasStatus_t; an injected code that is one is given as it is.
template <class Body> int blas(const char* name, Body body) {
  int status = DONE;
  int code = enter(name, Need::HEALTHY, [&](Entry& entry) -> int {
    status = body(entry);
    return SUCCESS;
  });
  return code == SUCCESS ? status : code < 32 ? code : int(INTERNAL);
}

template <class T> T* made(uint64_t handle) { return reinterpret_cast<T*>(handle); }

// What this algorithm can do: columns of BF16 that are summed in order, to F32.
bool supported(const Description& d, const Layout& a, const Layout& b, const Layout& c, const Layout& to) {
  return d.compute == COMPUTE_32F && d.scale == REAL_32F && d.transposeA == TRANSPOSED && d.transposeB == PLAIN && a.type == REAL_16BF &&
         b.type == REAL_16BF && c.type == REAL_32F && to.type == REAL_32F && a.rows == b.rows && a.columns == to.rows &&
         b.columns == to.columns && c.rows == to.rows && c.columns == to.columns && a.leading >= int64_t(a.rows) &&
         b.leading >= int64_t(b.rows) && to.leading >= int64_t(to.rows) && a.leading % 8 == 0 && b.leading % 8 == 0 && to.leading % 4 == 0;
}

// Notes that the product uses so many bytes of a device's memory.
bool use(Entry& entry, Work& work, const void* address, size_t bytes) {
  BlockRef block = entry.machine.find(reinterpret_cast<uintptr_t>(address), bytes);
  if (block == nullptr) {
    entry.machine.violation("cublasLtMatmul is given " + entry.machine.whereIs(reinterpret_cast<uintptr_t>(address)));
    return false;
  }
  work.uses.push_back(block);
  return true;
}

size_t extent(int64_t leading, uint64_t rows, uint64_t columns, size_t element) { return ((columns - 1) * leading + rows) * element; }

} // namespace
} // namespace standin

using namespace standin;

EXPORTED int cublasLtCreate(uint64_t* handle) {
  return blas("cublasLtCreate", [&](Entry& entry) -> int {
    *handle = entry.machine.handle();
    entry.machine.counters["cublasLt"]++;
    return DONE;
  });
}

EXPORTED int cublasLtDestroy(uint64_t) {
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  machine.counters["cublasLt"]--;
  return DONE;
}

EXPORTED int cublasLtGetProperty(int which, int* value) {
  const int version[] = {13, 1, 0};
  if (which < 0 || which > 2) return INVALID;
  *value = version[which];
  return DONE;
}

EXPORTED int cublasLtMatrixLayoutCreate(uint64_t* layout, int type, uint64_t rows, uint64_t columns, int64_t leading) {
  *layout = reinterpret_cast<uint64_t>(new Layout{type, rows, columns, leading});
  return DONE;
}

EXPORTED int cublasLtMatrixLayoutDestroy(uint64_t layout) {
  delete made<Layout>(layout);
  return DONE;
}

EXPORTED int cublasLtMatmulDescCreate(uint64_t* description, int compute, int scale) {
  *description = reinterpret_cast<uint64_t>(new Description{compute, scale});
  return DONE;
}

EXPORTED int cublasLtMatmulDescDestroy(uint64_t description) {
  delete made<Description>(description);
  return DONE;
}

EXPORTED int cublasLtMatmulDescSetAttribute(uint64_t description, int attribute, const void* value, size_t bytes) {
  Description& d = *made<Description>(description);
  if (attribute == 8) {
    if (bytes != sizeof d.bias) return INVALID;
    std::memcpy(&d.bias, value, bytes);
    return DONE;
  }
  int* field = attribute == 3 ? &d.transposeA : attribute == 4 ? &d.transposeB : attribute == 7 ? &d.epilogue : nullptr;
  if (field == nullptr || bytes != sizeof *field) return INVALID;
  std::memcpy(field, value, bytes);
  return DONE;
}

EXPORTED int cublasLtMatmulPreferenceCreate(uint64_t* preference) {
  *preference = reinterpret_cast<uint64_t>(new Preference{});
  return DONE;
}

EXPORTED int cublasLtMatmulPreferenceDestroy(uint64_t preference) {
  delete made<Preference>(preference);
  return DONE;
}

EXPORTED int cublasLtMatmulPreferenceSetAttribute(uint64_t preference, int attribute, const void* value, size_t bytes) {
  if (attribute != 1 || bytes != sizeof(uint64_t)) return INVALID;
  std::memcpy(&made<Preference>(preference)->workspace, value, bytes);
  return DONE;
}

EXPORTED int cublasLtMatmulAlgoGetHeuristic(uint64_t, uint64_t description, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t preference,
                                            int requested, Heuristic* results, int* found) {
  return blas("cublasLtMatmulAlgoGetHeuristic", [&](Entry&) -> int {
    *found = 0;
    if (requested < 1) return INVALID;
    if (!supported(*made<Description>(description), *made<Layout>(a), *made<Layout>(b), *made<Layout>(c), *made<Layout>(d))) return UNSUPPORTED;
    size_t allowed = made<Preference>(preference)->workspace;
    results[0] = {{ALGORITHM}, std::min(allowed, WORKSPACE), DONE, 1.0f, {}};
    *found = 1;
    return DONE;
  });
}

EXPORTED int cublasLtMatmul(uint64_t, uint64_t description, const float* alpha, const uint16_t* a, uint64_t layoutA, const uint16_t* b,
                            uint64_t layoutB, const float* beta, const float* c, uint64_t layoutC, float* d, uint64_t layoutD,
                            const uint64_t* algorithm, void* workspace, size_t workspaceBytes, Handle streamHandle) {
  return blas("cublasLtMatmul", [&](Entry& entry) -> int {
    const Description& what = *made<Description>(description);
    const Layout &la = *made<Layout>(layoutA), &lb = *made<Layout>(layoutB), &lc = *made<Layout>(layoutC), &ld = *made<Layout>(layoutD);
    if (!supported(what, la, lb, lc, ld) || algorithm[0] != ALGORITHM) return INVALID;
    Stream* stream = streamOf(entry, streamHandle);
    if (stream == nullptr) return INVALID;
    bool biased = what.epilogue == WITH_BIAS;
    Work work;
    work.kind = WorkKind::KERNEL;
    work.name = entry.machine.interned(PRODUCT.name);
    if (!use(entry, work, a, extent(la.leading, la.rows, la.columns, 2)) || !use(entry, work, b, extent(lb.leading, lb.rows, lb.columns, 2)) ||
        !use(entry, work, d, extent(ld.leading, ld.rows, ld.columns, 4)) || (*beta != 0 && !use(entry, work, c, extent(lc.leading, lc.rows, lc.columns, 4))) ||
        (biased && !use(entry, work, made<void>(what.bias), ld.rows * 4)) ||
        (workspaceBytes > 0 && !use(entry, work, workspace, workspaceBytes))) {
      return INVALID;
    }
    auto function = std::make_shared<Function>();
    function->context = entry.context;
    function->name = PRODUCT.name;
    function->kernel = &PRODUCT;
    work.launch.function = function;
    std::fill_n(work.launch.grid, 3, 1u);
    std::fill_n(work.launch.block, 3, 1u);
    Product p = {a, b, biased ? made<float>(what.bias) : nullptr, c, d, workspaceBytes >= WORKSPACE ? workspace : nullptr, *alpha, *beta,
                 int64_t(ld.rows), int64_t(ld.columns), int64_t(la.rows), la.leading, lb.leading, lc.leading, ld.leading};
    work.launch.argument.assign(reinterpret_cast<char*>(&p), reinterpret_cast<char*>(&p) + sizeof p);
    return submit(entry, stream, std::move(work)) == SUCCESS ? DONE : INTERNAL;
  });
}
