// Draws tokens, a block for each.
//
// What must hold: a token depends on its row, the rules, the seed and how many were drawn before. So weights, the powers that a
// softmax sums, are whole numbers of 2^-39: sums of them are exact, in whatever order threads add them. Ties go to the lower id.
//
// Top-k, top-p and min-p each keep a leading part of the ranking by logit and id. Where a part ends is found in bins that are
// counted and weighed: first bins of even distance from the largest logit, over which tokens spread well. What lies in the bin
// where the part ends is few, as a rule, and is listed; of these, the logits' bits, turned so that they order as numbers, are binned
// from the upper to the lower. The kept tokens are then walked in the order of their ids to the place that the random number names.
#include "device.cuh"

namespace serval {

constexpr int WARPS = 32;
constexpr int BINS = 2048;

// The generator SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), whose nth number can be told at once.
__device__ __forceinline__ uint64_t mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

__device__ __forceinline__ double random_place(const Draw& draw) {
  return (double)(mixed(draw.state + (draw.drawn + 1) * 0x9e3779b97f4a7c15ull) >> 11) * 0x1p-53;
}

// A logit's bits as a number: the larger logit has the larger one.
__device__ __forceinline__ uint32_t ordered(float logit) {
  uint32_t bits = __float_as_uint(__fadd_rn(logit, 0.0f));
  return bits ^ ((bits & 0x80000000u) ? 0xffffffffu : 0x80000000u);
}

__device__ __forceinline__ float logit_of(uint32_t key) {
  return __uint_as_float(key ^ ((key & 0x80000000u) ? 0x80000000u : 0xffffffffu));
}

template <class T> __device__ __forceinline__ T warp_prefix(T x) {
  int lane = threadIdx.x % LANES;
  for (int i = 1; i < LANES; i *= 2) {
    T before = __shfl_up_sync(ALL, x, i);
    if (lane >= i) x += before;
  }
  return x;
}

// Bins of counts, and of masses in three pieces of 13 bits and more: adding 32 bits to shared memory is quick, 64 are not.
struct Room {
  uint32_t low[BINS], middle[BINS], high[BINS];
  uint32_t count[BINS];
  uint32_t list[BINS];
  uint32_t listed;
  uint64_t warpMass[WARPS];
  uint32_t warpCount[WARPS];
  uint32_t bin;
  uint64_t massAbove;
  uint32_t countAbove;

  __device__ __forceinline__ void add(uint32_t bin, uint64_t weight) {
    atomicAdd(&count[bin], 1u);
    uint32_t l = (uint32_t)weight & 0x1fff, m = (uint32_t)(weight >> 13) & 0x1fff, h = (uint32_t)(weight >> 26);
    if (l != 0) atomicAdd(&low[bin], l);
    if (m != 0) atomicAdd(&middle[bin], m);
    if (h != 0) atomicAdd(&high[bin], h);
  }
  __device__ __forceinline__ uint64_t mass(uint32_t bin) const { return low[bin] + ((uint64_t)middle[bin] << 13) + ((uint64_t)high[bin] << 26); }
};

// The leading part: all with keys above `key`, and the first `ties` of the `all` that have this key.
struct Cut {
  uint32_t key;
  uint32_t ties;
  uint32_t all;
};

struct Sampler {
  const Draw& draw;
  float* logits;
  int vocabulary;
  Room& room;
  float largest, exponent, least;

  // Calls f with each id and logit.
  template <class F> __device__ __forceinline__ void each(F f) const {
#pragma unroll 4
    for (int id = 4 * threadIdx.x; id < vocabulary; id += 4 * WARPS * LANES) {
      float4 x = *(const float4*)(logits + id); // rows are whole groups of four
      f(id, x.x);
      if (id + 1 < vocabulary) f(id + 1, x.y);
      if (id + 2 < vocabulary) f(id + 2, x.z);
      if (id + 3 < vocabulary) f(id + 3, x.w);
    }
  }

  __device__ __forceinline__ void adjust(const uint32_t* counts, const Bias* biases) const {
    if (counts) {
      for (int id = threadIdx.x; id < vocabulary; id += WARPS * LANES) {
        uint32_t seen = counts[id];
        if (seen == 0) continue;
        double logit = logits[id], generated = seen & ~SEEN;
        double once = logit > 0 ? logit / draw.repetition : logit * draw.repetition;
        if (generated > 0) once = once - draw.presence - generated * draw.frequency;
        logits[id] = (float)once;
      }
      __syncthreads();
    }
    for (int i = threadIdx.x; i < draw.biasCount; i += WARPS * LANES) {
      Bias bias = biases[draw.firstBias + i];
      logits[bias.token] = __fadd_rn(logits[bias.token], bias.bias);
    }
    __syncthreads();
  }

  // The token of the largest logit; NO_TOKEN if a logit is not a number or the largest is not finite.
  __device__ __forceinline__ int best() {
    uint64_t most = 0;
    each([&](int id, float x) {
      uint64_t rank = x != x ? ~0ull : (uint64_t)ordered(x) << 32 | (uint32_t)~id;
      most = max(most, rank);
    });
    for (int i = LANES / 2; i > 0; i /= 2) most = max(most, __shfl_xor_sync(ALL, most, i));
    if (threadIdx.x % LANES == 0) room.warpMass[threadIdx.x / LANES] = most;
    __syncthreads();
    most = room.warpMass[threadIdx.x % LANES];
    for (int i = LANES / 2; i > 0; i /= 2) most = max(most, __shfl_xor_sync(ALL, most, i));
    __syncthreads();
    if (most == ~0ull) return NO_TOKEN;
    largest = logit_of((uint32_t)(most >> 32));
    return isinf(largest) ? NO_TOKEN : (int)~(uint32_t)most;
  }

  __device__ __forceinline__ float relative(float logit) const { return exp2f(__fmul_rn(__fsub_rn(logit, largest), exponent)); }
  __device__ __forceinline__ uint64_t weight(float logit) const { return (uint64_t)__fmul_rn(relative(logit), 0x1p39f); }

  // The bin by distance from the largest logit; the nearest is the highest.
  __device__ __forceinline__ uint32_t near(float x) const {
    return BINS - 1 - (uint32_t)fminf(__fmul_rn(__fsub_rn(largest, x), 64.0f), (float)(BINS - 1));
  }

  __device__ __forceinline__ void clear() const {
    for (int i = threadIdx.x; i < BINS; i += WARPS * LANES) room.low[i] = room.middle[i] = room.high[i] = room.count[i] = 0;
    __syncthreads();
  }

  // The shortest leading part that holds `tokens` tokens or, where those are 0, a share of the mass of what is `within`.
  __device__ __forceinline__ Cut select(uint32_t tokens, double share, Cut within) const {
    clear();
    each([&](int, float x) {
      if (ordered(x) >= within.key) room.add(near(x), weight(x));
    });
    if (threadIdx.x == 0) room.listed = 0;
    __syncthreads();
    uint64_t target = tokens == 0 ? target_mass(share, within) : 0;
    find(tokens, target, 0, 0);
    uint32_t bin = room.bin;
    each([&](int, float x) {
      uint32_t key = ordered(x);
      if (near(x) != bin || key < within.key) return;
      uint32_t at = atomicAdd(&room.listed, 1u);
      if (at < BINS) room.list[at] = key;
    });
    __syncthreads();
    return refine(tokens, target, within, bin);
  }

  // The part ends in this bin: it does so at a key, which is found 11 bits, 11 bits and 10 bits at a time.
  __device__ __forceinline__ Cut refine(uint32_t tokens, uint64_t target, Cut within, uint32_t nearBin) const {
    uint64_t massAbove = room.massAbove;
    uint32_t countAbove = room.countAbove, prefix = 0, listed = room.listed;
    __syncthreads();
    for (int level = 0; level < 3; level++) {
      int shift = level == 0 ? 21 : level == 1 ? 10 : 0, bits = level == 2 ? 10 : 11;
      auto sort = [&](uint32_t key) {
        if ((uint64_t)key >> (shift + bits) == (uint64_t)prefix >> (shift + bits)) room.add(key >> shift & ((1u << bits) - 1), weight(logit_of(key)));
      };
      clear();
      if (listed <= BINS) {
        for (uint32_t i = threadIdx.x; i < listed; i += WARPS * LANES) sort(room.list[i]);
      } else {
        each([&](int, float x) {
          if (near(x) == nearBin && ordered(x) >= within.key) sort(ordered(x));
        });
      }
      __syncthreads();
      find(tokens, target, countAbove, massAbove);
      prefix |= room.bin << shift;
      countAbove = room.countAbove;
      massAbove = room.massAbove;
      if (level < 2) __syncthreads();
    }
    uint32_t all = room.count[prefix & 1023];
    uint64_t one = weight(logit_of(prefix));
    uint32_t ties = tokens != 0 ? tokens - countAbove : one == 0 ? all : (uint32_t)min((uint64_t)all, (target - massAbove + one - 1) / one);
    if (prefix == within.key) ties = min(ties, within.ties);
    __syncthreads();
    return {prefix, max(ties, 1u), all};
  }

  // A share of the mass of `within`, while the bins hold all that is not below it.
  __device__ __forceinline__ uint64_t target_mass(double share, Cut within) const {
    uint64_t total = block_total(room.mass(2 * threadIdx.x) + room.mass(2 * threadIdx.x + 1));
    if (within.key != 0) total -= (within.all - within.ties) * weight(logit_of(within.key));
    uint64_t target = (uint64_t)ceil(share * (double)total);
    return max(min(target, total), (uint64_t)1);
  }

  __device__ __forceinline__ uint64_t block_total(uint64_t x) const {
    for (int i = LANES / 2; i > 0; i /= 2) x += __shfl_xor_sync(ALL, x, i);
    if (threadIdx.x % LANES == 0) room.warpMass[threadIdx.x / LANES] = x;
    __syncthreads();
    x = room.warpMass[threadIdx.x % LANES];
    for (int i = LANES / 2; i > 0; i /= 2) x += __shfl_xor_sync(ALL, x, i);
    __syncthreads();
    return x;
  }

  // The bin, from the highest down, in which the count or the mass is reached, and what lies above it; the lowest if none.
  __device__ __forceinline__ void find(uint32_t tokens, uint64_t target, uint32_t countAbove, uint64_t massAbove) const {
    int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, high = BINS - 1 - 2 * (int)threadIdx.x;
    uint32_t count = room.count[high] + room.count[high - 1];
    uint64_t upperMass = room.mass(high), mass = upperMass + room.mass(high - 1);
    uint32_t counts = warp_prefix(count);
    uint64_t masses = warp_prefix(mass);
    if (lane == LANES - 1) {
      room.warpCount[warp] = counts;
      room.warpMass[warp] = masses;
    }
    __syncthreads();
    counts += countAbove - count;
    masses += massAbove - mass;
    for (int i = 0; i < warp; i++) {
      counts += room.warpCount[i];
      masses += room.warpMass[i];
    }
    auto reached = [&](uint32_t c, uint64_t m) { return tokens != 0 ? c >= tokens : m >= target; };
    bool here = !reached(counts, masses) && reached(counts + count, masses + mass);
    bool none = threadIdx.x == WARPS * LANES - 1 && !reached(counts + count, masses + mass);
    if (here || none) {
      bool upper = reached(counts + room.count[high], masses + upperMass);
      room.bin = upper ? high : high - 1;
      room.countAbove = upper ? counts : counts + room.count[high];
      room.massAbove = upper ? masses : masses + upperMass;
    }
    __syncthreads();
  }

  __device__ __forceinline__ bool kept(float x) const { return relative(x) >= least; }

  // Four neighbours of a row, which are kept or not but for ties.
  struct Four {
    uint64_t weight[4];
    uint32_t tie[4];
    uint32_t ties;
  };
  __device__ __forceinline__ Four four(int id, int to, Cut cut) const {
    Four f;
    f.ties = 0;
    float4 v = id < to ? *(const float4*)(logits + id) : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    float x[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
      uint32_t key = id + i < to ? ordered(x[i]) : 0;
      f.tie[i] = key == cut.key && key != 0;
      f.ties += f.tie[i];
      f.weight[i] = key > cut.key && kept(x[i]) ? weight(x[i]) : 0;
    }
    return f;
  }

  // Walks the kept tokens by id: each warp has a range of ids, each lane four at a time.
  __device__ __forceinline__ int walk(Cut cut) const {
    int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    int range = (vocabulary + WARPS * 4 * LANES - 1) / (WARPS * 4 * LANES) * (4 * LANES);
    int from = min(warp * range, vocabulary), to = min(vocabulary, from + range);
    uint64_t mass = 0;
    uint32_t ties = 0;
#pragma unroll 4
    for (int id = from + 4 * lane; id < to; id += 4 * LANES) {
      Four f = four(id, to, cut);
      mass += f.weight[0] + f.weight[1] + f.weight[2] + f.weight[3];
      ties += f.ties;
    }
    for (int i = LANES / 2; i > 0; i /= 2) {
      mass += __shfl_xor_sync(ALL, mass, i);
      ties += __shfl_xor_sync(ALL, ties, i);
    }
    if (lane == 0) {
      room.warpMass[warp] = mass;
      room.warpCount[warp] = ties;
    }
    __syncthreads();
    float tied = logit_of(cut.key);
    uint64_t tieWeight = cut.key != 0 && kept(tied) ? weight(tied) : 0;
    uint32_t tiesBefore = warp_prefix(room.warpCount[lane]) - room.warpCount[lane];
    uint32_t tiesKept = tiesBefore >= cut.ties ? 0 : min(room.warpCount[lane], cut.ties - tiesBefore);
    uint64_t own = room.warpMass[lane] + tiesKept * tieWeight;
    uint64_t masses = warp_prefix(own);
    uint64_t total = __shfl_sync(ALL, masses, LANES - 1);
    uint64_t place = min((uint64_t)(random_place(draw) * (double)total), total - 1);
    int chosen = __ffs(__ballot_sync(ALL, masses > place)) - 1;
    if (warp != chosen) return NO_TOKEN;
    place -= __shfl_sync(ALL, masses - own, chosen);
    uint32_t tiesLeft = __shfl_sync(ALL, tiesKept, chosen);
    for (int begin = from; begin < to; begin += 4 * LANES) {
      int id = begin + 4 * lane;
      Four f = four(id, to, cut);
      uint32_t seen = warp_prefix(f.ties), tieRank = seen - f.ties;
#pragma unroll
      for (int i = 0; i < 4; i++)
        if (f.tie[i] && tieRank++ < tiesLeft) f.weight[i] = tieWeight;
      uint64_t mine = f.weight[0] + f.weight[1] + f.weight[2] + f.weight[3];
      uint64_t reach = warp_prefix(mine);
      uint32_t past = __ballot_sync(ALL, reach > place);
      if (past != 0) {
        uint64_t sum = reach - mine;
        int within = 0;
#pragma unroll
        for (int i = 0; i < 4; i++) within += (sum += f.weight[i]) <= place;
        return __shfl_sync(ALL, id + within, __ffs(past) - 1);
      }
      place -= __shfl_sync(ALL, reach, LANES - 1);
      tiesLeft -= min(__shfl_sync(ALL, seen, LANES - 1), tiesLeft);
    }
    return NO_TOKEN;
  }
};

} // namespace serval

KERNEL(sample, Sample, 1024, 1, 0) {
  using namespace serval;
  __shared__ Room room;
  __shared__ Draw draw;
  let_later_begin();
  wait_for_earlier();
  const Step* step = a.step;
  if ((int)blockIdx.x >= step->draws) return;
  if (threadIdx.x == 0) draw = array<Draw>(step, step->drawOf)[blockIdx.x];
  __syncthreads();
  uint32_t* counts = draw.counts < 0 ? nullptr : a.counts + (int64_t)draw.counts * a.vocabulary;
  Sampler sampler = {draw, a.logits + (int64_t)draw.row * a.stride, a.vocabulary, room, 0.0f, 0.0f, 0.0f};
  sampler.adjust(counts, array<Bias>(step, step->biases));
  int id = sampler.best();
  bool writes = threadIdx.x == 0;
  if (id != NO_TOKEN && draw.temperature != 0) {
    sampler.exponent = (float)(1.4426950408889634 / draw.temperature);
    sampler.least = (float)draw.minP;
    Cut cut = {0, 0, 0}; // all: no number has the key 0
    if (draw.topK > 0 && draw.topK < a.vocabulary) cut = sampler.select((uint32_t)draw.topK, 0.0, cut);
    if (draw.topP < 1) cut = sampler.select(0, draw.topP, cut);
    id = sampler.walk(cut); // the lanes of one warp find it
    writes = id != NO_TOKEN && threadIdx.x % LANES == 0;
  }
  if (!writes) return;
  a.tokens[blockIdx.x] = id;
  if (counts && id != NO_TOKEN) counts[id]++;
}

KERNEL(count_tokens, Count, 256, 1, 0) {
  using namespace serval;
  let_later_begin();
  wait_for_earlier();
  int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= a.total) return;
  if (i < a.prompt)
    atomicOr(a.counts + a.tokens[i], SEEN);
  else
    atomicAdd(a.counts + a.tokens[i], 1u);
}
