// Mixtures of experts. What must hold: a row's experts, its shares and each product are those of the row alone, to the bit, and
// what its experts give is added expert by expert. Which rows an expert takes is known on the device only: grids are bounds, and
// blocks find their work in a table of tiles of routes, or none. A route is a row on its way to one expert.
#include "linear.cuh"

namespace serval {

constexpr int ROUTED_ROWS = 4;        // of a block
constexpr float SMALLEST = 0x1p-126f; // what a sum of scores is at least, that nothing is divided by 0

// By what an expert ranks among a row's.
struct Choice {
  float rank;
  int expert;
  __device__ __forceinline__ bool before(const Choice& other) const {
    return rank > other.rank || (rank == other.rank && expert < other.expert);
  }
};

// A row's scores, a warp for each row; lane i has every expert e where e % LANES is i. A softmax takes its divisor last, which the
// order of its scores does not depend on.
struct RouterScores {
  const float *products, *selectionBias;
  int count;
  bool sigmoid, twoHighest;
  float top = -INFINITY, whole = 1.0f;
  uint32_t open = ~0u; // bit e / LANES: whether expert e is in one of the row's groups

  __device__ __forceinline__ RouterScores(const Route& a, int row, float* groupRanks)
      : products(a.products + (int64_t)row * a.stride), selectionBias(a.selectionBias), count(a.count), sigmoid(a.sigmoid), twoHighest(a.twoHighest) {
    if (!sigmoid) {
      for (int e = threadIdx.x % LANES; e < count; e += LANES) top = fmaxf(top, products[e]);
      for (int i = LANES / 2; i > 0; i /= 2) top = fmaxf(top, __shfl_xor_sync(ALL, top, i));
      if (ranks_by_scores() || !a.normalised) whole = sum([](int) { return true; });
    }
    if (a.groups > 1) open = of_best_groups(groupRanks, a.groups, a.groupsUsed);
  }

  __device__ __forceinline__ bool ranks_by_scores() const { return selectionBias || twoHighest; }

  // To be divided by the whole.
  __device__ __forceinline__ float of(int expert) const {
    float x = products[expert];
    return sigmoid ? __fdiv_rn(1.0f, __fadd_rn(1.0f, expf(-x))) : expf(__fsub_rn(x, top));
  }

  template <class Among>
  __device__ __forceinline__ float sum(Among among) const {
    float sum = 0.0f;
    for (int e = threadIdx.x % LANES; e < count; e += LANES)
      if (among(e)) sum = __fadd_rn(sum, of(e));
    return warp_sum(sum);
  }

  __device__ __forceinline__ Choice choice(int expert) const {
    if (!ranks_by_scores()) return {products[expert], expert};
    float score = __fdiv_rn(of(expert), whole);
    return {selectionBias ? __fadd_rn(score, selectionBias[expert]) : score, expert};
  }

  // By what a group ranks, the same in every lane.
  __device__ __forceinline__ float group(int first, int size) const {
    float one = -INFINITY, two = -INFINITY;
    for (int e = first + threadIdx.x % LANES; e < first + size; e += LANES) {
      float rank = choice(e).rank;
      two = fmaxf(two, fminf(one, rank));
      one = fmaxf(one, rank);
    }
    for (int i = LANES / 2; i > 0; i /= 2) {
      float otherOne = __shfl_xor_sync(ALL, one, i), otherTwo = __shfl_xor_sync(ALL, two, i);
      two = fmaxf(fmaxf(two, otherTwo), fminf(one, otherOne));
      one = fmaxf(one, otherOne);
    }
    return twoHighest ? __fadd_rn(one, two) : one;
  }

  // Of a lane's experts those of the best groups. The warp leaves the groups' ranks in `ranks`.
  __device__ __forceinline__ uint32_t of_best_groups(float* ranks, int groups, int used) const {
    int size = count / groups;
    uint32_t bits = 0;
    for (int g = 0; g < groups; g++) {
      float rank = group(g * size, size);
      if (threadIdx.x % LANES == 0) ranks[g] = rank;
    }
    __syncwarp();
    for (int e = threadIdx.x % LANES; e < count; e += LANES) {
      Choice own = {ranks[e / size], e / size};
      int before = 0;
      for (int g = 0; g < groups; g++) before += Choice{ranks[g], g}.before(own);
      bits |= (uint32_t)(before < used) << (e / LANES);
    }
    return bits;
  }

  __device__ __forceinline__ bool may_take(int expert) const { return open >> (expert / LANES) & 1; }

  // Whether one of a lane's experts is chosen, if `last` is chosen last.
  __device__ __forceinline__ bool takes(int expert, const Choice& last) const { return may_take(expert) && !last.before(choice(expert)); }

  // Of the choices behind `last` the one that comes first, the same in every lane.
  __device__ __forceinline__ Choice behind(const Choice& last) const {
    Choice best = {-INFINITY, MAX_EXPERTS};
    for (int e = threadIdx.x % LANES; e < count; e += LANES) {
      Choice one = choice(e);
      if (may_take(e) && last.before(one) && one.before(best)) best = one;
    }
    for (int i = LANES / 2; i > 0; i /= 2) {
      Choice other = {__shfl_xor_sync(ALL, best.rank, i), __shfl_xor_sync(ALL, best.expert, i)};
      if (other.before(best)) best = other;
    }
    return best;
  }

  // Whether all choices can be compared, the same in every lane.
  __device__ __forceinline__ bool numbers() const {
    bool number = true;
    for (int e = threadIdx.x % LANES; e < count; e += LANES) {
      float rank = choice(e).rank;
      number = number && rank == rank;
    }
    return __all_sync(ALL, number);
  }
};

__device__ __forceinline__ void route_row(const Route& a, int row, float* groupRanks) {
  RouterScores scores(a, row, groupRanks);
  int lane = threadIdx.x % LANES;
  Choice last = {INFINITY, -1};
  for (int i = 0; i < a.used; i++) last = scores.behind(last);
  bool number = scores.numbers();
  float divisor = a.normalised ? scores.sum([&](int e) { return scores.takes(e, last); }) : scores.whole;
  if (divisor < SMALLEST) divisor = SMALLEST;
  int64_t to = (int64_t)row * a.used;
  for (int from = 0; from < a.count; from += LANES) {
    int e = from + lane;
    bool chosen = number ? e < a.count && scores.takes(e, last) : e < a.used;
    uint32_t votes = __ballot_sync(ALL, chosen);
    if (chosen) {
      int64_t at = to + __popc(votes & ((1u << lane) - 1));
      a.experts[at] = e;
      float share = number ? __fmul_rn(__fdiv_rn(scores.of(e), divisor), a.factor) : NAN;
      a.shares[at] = a.expertScales ? __fmul_rn(share, a.expertScales[e]) : share;
    }
    to += __popc(votes);
  }
}

__device__ __forceinline__ int warp_total(int x) {
  for (int i = LANES / 2; i > 0; i /= 2) x += __shfl_xor_sync(ALL, x, i);
  return x;
}

// A block for each expert, which counts the routes of all and places its own.
struct Sorting {
  const SortRoutes& a;
  const int32_t* experts;
  int expert, routes;
  int* counts; // of each expert

  __device__ __forceinline__ int tiles(int e) const { return (counts[e] + a.tileRoutes - 1) / a.tileRoutes; }

  __device__ __forceinline__ void count() const {
    for (int i = threadIdx.x; i < a.count; i += blockDim.x) counts[i] = 0;
    __syncthreads();
    for (int i = threadIdx.x; i < routes; i += blockDim.x) atomicAdd(&counts[experts[i]], 1);
    __syncthreads();
  }

  __device__ __forceinline__ void list_tiles(int first, int tile) const {
    for (int i = threadIdx.x; i < tiles(expert); i += blockDim.x)
      a.tileOf[tile + i] = {expert, first + i * a.tileRoutes, min(a.tileRoutes, counts[expert] - i * a.tileRoutes)};
    if (expert == a.count - 1 && threadIdx.x == 0) {
      a.routes->rows = routes;
      a.routes->tiles = tile + tiles(expert);
    }
  }

  __device__ __forceinline__ void place(int first, int* found) const {
    int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, warps = blockDim.x / LANES;
    int at = first, end = first + counts[expert];
    for (int from = 0; at < end; from += blockDim.x) {
      int i = from + threadIdx.x;
      bool own = i < routes && experts[i] == expert;
      uint32_t votes = __ballot_sync(ALL, own);
      if (lane == 0) found[warp] = __popc(votes);
      __syncthreads();
      int place = at + __popc(votes & ((1u << lane) - 1));
      for (int w = 0; w < warps; w++) {
        if (w < warp) place += found[w];
        at += found[w];
      }
      if (own) {
        a.sources[place] = a.firstRow + i / a.used;
        a.places[a.firstRow * a.used + i] = place;
      }
      __syncthreads();
    }
  }

  __device__ __forceinline__ void run(int* found) const {
    count();
    int first = 0, tile = 0;
    for (int e = threadIdx.x % LANES; e < expert; e += LANES) {
      first += counts[e];
      tile += tiles(e);
    }
    first = warp_total(first);
    list_tiles(first, warp_total(tile));
    place(first, found);
  }
};

// The tokens of a block: routes of one tile.
struct RouteTokens {
  static constexpr bool IN_ORDER = false;
  static constexpr bool APART = false;
  const RoutedLinear& a;
  int first = 0, end = 0;
  const void* matrix = nullptr;
  __device__ __forceinline__ RouteTokens(const RoutedLinear& a) : a(a) {}
  __device__ __forceinline__ bool early() const { return false; }
  __device__ __forceinline__ bool find() {
    if ((int)blockIdx.y >= a.routes->tiles) return false;
    RouteTile tile = a.tileOf[blockIdx.y];
    first = tile.first;
    end = tile.first + tile.count;
    matrix = (const void*)a.weights[tile.expert];
    return true;
  }
  __device__ __forceinline__ const void* weight() const { return matrix; }
  __device__ __forceinline__ const float* bias() const { return a.biases ? (const float*)a.biases[a.tileOf[blockIdx.y].expert] : nullptr; }
  // Behind the last route the last again.
  __device__ __forceinline__ int row(int i) const {
    int route = min(first + i, end - 1);
    return a.sources ? a.sources[route] : route;
  }
};

__device__ __forceinline__ Linear linear_of(const RoutedLinear& a) {
  Linear all = {};
  all.in = a.in;
  all.out = a.out;
  all.inStride = a.inStride;
  all.weightRows = a.weightRows;
  all.columns = a.columns;
  all.weightStride = a.weightStride;
  all.segments = 1;
  all.outStride = a.outStride;
  all.outColumn = a.outColumn;
  return all;
}

} // namespace serval

KERNEL(route, Route, serval::ROUTED_ROWS * serval::LANES, 1, 0) {
  using namespace serval;
  __shared__ float groupRanks[ROUTED_ROWS][MAX_EXPERTS];
  let_later_begin();
  wait_for_earlier();
  int own = threadIdx.x / LANES, row = blockIdx.x * ROUTED_ROWS + own;
  if (row < a.step->rows) route_row(a, row, groupRanks[own]);
}

KERNEL(sort_routes, SortRoutes, 256, 1, 0) {
  using namespace serval;
  __shared__ int counts[MAX_EXPERTS];
  __shared__ int found[8];
  let_later_begin();
  wait_for_earlier();
  int rows = max(0, min(a.step->rows - a.firstRow, a.mostRows));
  Sorting{a, a.experts + (int64_t)a.firstRow * a.used, (int)blockIdx.x, rows * a.used, counts}.run(found);
}

// Blocks of a row share out its columns.
KERNEL(scale_routes, ScaleRoutes, 256, 1, 0) {
  using namespace serval;
  let_later_begin();
  wait_for_earlier();
  int row = a.firstRow + blockIdx.y;
  if ((int)blockIdx.y >= a.mostRows || row >= a.step->rows) return;
  for (int i = 0; i < a.used; i++) {
    float share = a.shares[(int64_t)row * a.used + i];
    float* to = a.rows + (int64_t)a.places[(int64_t)row * a.used + i] * a.stride;
    for (int k = blockIdx.x * blockDim.x + threadIdx.x; k < a.columns; k += gridDim.x * blockDim.x) to[k] = __fmul_rn(to[k], share);
  }
}

// Blocks of a row share out its columns.
KERNEL(add_routes, AddRoutes, 256, 1, 0) {
  using namespace serval;
  let_later_begin();
  wait_for_earlier();
  int row = a.firstRow + blockIdx.y;
  if ((int)blockIdx.y >= a.mostRows || row >= a.step->rows) return;
  const int32_t* places = a.places + (int64_t)row * a.used;
  const float* shares = a.shares ? a.shares + (int64_t)row * a.used : nullptr;
  float* out = a.out + (int64_t)row * a.outStride;
  for (int k = blockIdx.x * blockDim.x + threadIdx.x; k < a.columns; k += gridDim.x * blockDim.x) {
    float sum = out[k];
    for (int i = 0; i < a.used; i++) sum = __fadd_rn(sum, __fmul_rn(shares ? shares[i] : 1.0f, a.given[(int64_t)places[i] * a.givenStride + k]));
    out[k] = sum;
  }
}

#define MMA_ROUTED(type, Tile, gated, GATED, Function, n)                                                                      \
  KERNEL(mma_routed_##type##gated##_n##n, RoutedLinear, (serval::Shape<serval::Tile, n, GATED>::THREADS), 1,                   \
         (serval::Shape<serval::Tile, n, GATED>::SHARED)) {                                                                    \
    using Shape = serval::Shape<serval::Tile, n, GATED, serval::Function>;                                                     \
    serval::linear_block<serval::Tile, Shape>(serval::linear_of(a), serval::RouteTokens(a));                                   \
  }
#define MMA_ROUTED_BOTH(type, Tile, gated, GATED, Function) \
  MMA_ROUTED(type, Tile, gated, GATED, Function, 8)         \
  MMA_ROUTED(type, Tile, gated, GATED, Function, 64)
#define MMA_ROUTED_ALL(type, Tile)                              \
  MMA_ROUTED_BOTH(type, Tile, , false, Silu)                    \
  MMA_ROUTED_BOTH(type, Tile, _gated, true, Silu)               \
  MMA_ROUTED_BOTH(type, Tile, _gated_swiglu_oai, true, SwigluOai)
MMA_ROUTED_ALL(bf16, Bf16Tile)
MMA_ROUTED_ALL(q8_0, Q8Tile)
MMA_ROUTED_ALL(q4_0, Q4Tile)
MMA_ROUTED_ALL(mxfp4, Mxfp4Tile)

KERNEL(routed_f32, RoutedLinear, 256, 1, 0) { serval::plain_linear<float>(serval::linear_of(a), serval::RouteTokens(a)); }
KERNEL(routed_f16, RoutedLinear, 256, 1, 0) { serval::plain_linear<uint16_t>(serval::linear_of(a), serval::RouteTokens(a)); }
