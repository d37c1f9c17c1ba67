// Attention on any device; see attention.cuh.
#include "attention_prefill.cuh"

namespace serval {

// All warps of a block work on the same tile, and the next one arrives.
struct InStep {
  static constexpr int SLOTS = 2, AHEAD = 1, BYTES = 0;
  __device__ __forceinline__ InStep(unsigned char*) {}
  __device__ __forceinline__ void begin(int) {}
  __device__ __forceinline__ void take(int) {
    wait_for_copies<0>();
    __syncthreads();
  }
  __device__ __forceinline__ void go_on(int) {}
  __device__ __forceinline__ void leave(int) {}
};

// Runs of one row: a block for each part of a sequence and key head. Each of its four warps scores one tile; then each sums the
// values of 32 dimensions over all tiles. The last block of a sequence and key head to be done merges the parts in order.
//
// Where there are FEW blocks, each has more registers, and so more keys in flight; and it asks for all but the step's own position
// before earlier kernels have ended.
template <int W, bool FEW> struct Decode {
  using L = Lay<W>;
  static constexpr int SLICE = 4; // value tiles of a warp
  static constexpr int VALUES = PART * L::PITCH;
  static constexpr int WEIGHTS = 4 * 4 * LANES * 16;
  static constexpr int SHARED = VALUES + WEIGHTS + 4 * 16 * 4 + 4 * 2 * LANES * 4;
  static constexpr int IN_FLIGHT = FEW ? 8 : 4; // eights of keys of a warp

  const Attention& a;
  int sequence, partIndex, item, kvHead, group, row, position, firstSeen, firstPart, parts;
  float scale;
  unsigned char* values;
  uint4* weights;   // [tile][product][lane]
  const unsigned char** places; // [position of the part]: its key; null if it is not seen. Until there are weights
  float* maxima;    // [tile][row]
  float* laneSums;  // [tile][i][lane]

  __device__ __forceinline__ Decode(const Attention& a) : a(a) {
    values = shared_memory();
    weights = (uint4*)(values + VALUES);
    places = (const unsigned char**)weights;
    maxima = (float*)(values + VALUES + WEIGHTS);
    laneSums = maxima + 4 * 16;
  }

  // False if the row sees nothing of the part.
  __device__ __forceinline__ bool take(int work) {
    const Step* step = a.step;
    item = work / a.kvHeads;
    kvHead = work % a.kvHeads;
    Part p = array<Part>(step, step->partOf)[item];
    sequence = p.sequence;
    partIndex = p.part;
    group = a.heads / a.kvHeads;
    row = array<int32_t>(step, step->firstRow)[sequence];
    position = array<int32_t>(step, step->positions)[row];
    firstSeen = first_seen(a, position);
    firstPart = firstSeen / PART;
    parts = position / PART - firstPart + 1;
    scale = exponent_scale(a);
    return partIndex >= firstPart;
  }

  __device__ __forceinline__ bool seen(int p) const { return p >= firstSeen && p <= position; }

  __device__ __forceinline__ void find_places(const TensorCache& cache) const {
#pragma unroll
    for (int r = threadIdx.x; r < PART; r += 4 * LANES) {
      int p = partIndex * PART + r;
      places[r] = seen(p) ? cache.key(p) : nullptr;
    }
    __syncthreads();
  }

  __device__ __forceinline__ void fetch_value(const TensorCache& cache, int r, int chunk) const {
    const unsigned char* key = places[r];
    bool real = key && 8 * chunk < a.headDim;
    copy_async_or_zero(values + L::value(r, chunk), real ? key + cache.valueOffset + chunk * 16 : cache.base, real);
  }

  __device__ __forceinline__ void fetch_values(const TensorCache& cache) const {
#pragma unroll 8
    for (int i = 0; i < PART * L::CHUNKS / (4 * LANES); i++) {
      int c = threadIdx.x + i * 4 * LANES;
      fetch_value(cache, c / L::CHUNKS, c % L::CHUNKS);
    }
    commit_copies();
  }

  // All values of tiles that are seen but that of the step's own position, and keys as far as the second cache.
  __device__ __forceinline__ void fetch_early(const TensorCache& cache) const {
    int own = position - partIndex * PART;
    int from = max(partIndex * (PART / KEYS), firstSeen / KEYS) * KEYS % PART;
    int end = min(partIndex * (PART / KEYS) + PART / KEYS - 1, position / KEYS) * KEYS % PART + KEYS;
#pragma unroll 8
    for (int i = 0; i < PART * L::CHUNKS / (4 * LANES); i++) {
      int c = threadIdx.x + i * 4 * LANES, r = c / L::CHUNKS;
      if (r >= from && r < end && r != own) fetch_value(cache, r, c % L::CHUNKS);
    }
#pragma unroll
    for (int r = threadIdx.x; r < PART; r += 4 * LANES)
      if (places[r] && r != own)
        for (int d = 0; d < a.headDim; d += 64) prefetch(places[r] + 2 * d);
  }

  __device__ __forceinline__ void fetch_own(const TensorCache& cache) const {
    if (partIndex == position / PART && threadIdx.x < L::CHUNKS) fetch_value(cache, position % PART, threadIdx.x);
    commit_copies();
  }

  // A warp scores its tile, some eights of keys at a time that are in flight together.
  __device__ __forceinline__ void score(const Queries<W>& queries, Scores& scores, int begin) const {
    int lane = threadIdx.x % LANES;
    scores.clear();
#pragma unroll
    for (int m = 0; m < 8; m += IN_FLIGHT) {
      uint4 keys[IN_FLIGHT][L::GROUPS];
#pragma unroll
      for (int n = 0; n < IN_FLIGHT; n++) {
        const unsigned char* key = places[begin % PART + 8 * (m + n) + lane / 4];
#pragma unroll
        for (int j = 0; j < L::GROUPS; j++) {
          int chunk = 4 * j + lane % 4;
          keys[n][j] = key && 8 * chunk < a.headDim ? load_once((const uint4*)key + chunk) : make_uint4(0, 0, 0, 0);
        }
      }
#pragma unroll
      for (int n = 0; n < IN_FLIGHT; n += 4)
#pragma unroll
        for (int j = 0; j < L::GROUPS; j++) queries.score_four(scores, m + n, j, [&](int k) { return keys[k - m][j]; });
    }
  }

  // The 16 heads from `head` of the group on.
  __device__ __forceinline__ void attend(int head) {
    int warp = threadIdx.x / LANES, lane = threadIdx.x % LANES, g = lane / 4, t = lane % 4;
    int begin = partIndex * PART + warp * KEYS;
    bool sees = begin <= position && begin + KEYS > firstSeen;
    Scores scores;
    if (sees) {
      const float* rows[2];
#pragma unroll
      for (int i = 0; i < 2; i++) {
        int h = head + g + 8 * i;
        rows[i] = h < group ? a.qkv + (int64_t)row * a.stride + (kvHead * group + h) * a.headDim : nullptr;
      }
      Queries<W> queries;
      queries.load(rows, a.headDim);
      score(queries, scores, begin);
      int first[2] = {firstSeen, firstSeen}, last[2] = {position, position};
      if (begin + KEYS - 1 > position || begin < firstSeen) scores.mask(begin, first, last);
      float largest[2];
      scores.largest(largest);
      if (t == 0)
#pragma unroll
        for (int i = 0; i < 2; i++) maxima[warp * 16 + g + 8 * i] = largest[i];
    } else if (t == 0) {
#pragma unroll
      for (int i = 0; i < 2; i++) maxima[warp * 16 + g + 8 * i] = NOTHING_SEEN;
    }
    __syncthreads();
    float largest[2] = {NOTHING_SEEN, NOTHING_SEEN}, own[2], kept[4][2];
#pragma unroll
    for (int k = 0; k < 4; k++)
#pragma unroll
      for (int i = 0; i < 2; i++) {
        float next = fmaxf(largest[i], maxima[k * 16 + g + 8 * i]);
        kept[k][i] = decay(largest[i], next, scale);
        largest[i] = next;
        if (k == warp) own[i] = next;
      }
    if (sees) {
      uint32_t p[4][4];
      float sums[2];
      scores.weigh(own, scale, p, sums);
#pragma unroll
      for (int j = 0; j < 4; j++) weights[(warp * 4 + j) * LANES + lane] = make_uint4(p[j][0], p[j][1], p[j][2], p[j][3]);
#pragma unroll
      for (int i = 0; i < 2; i++) laneSums[(warp * 2 + i) * LANES + lane] = sums[i];
    }
    wait_for_copies<0>();
    __syncthreads();
    if (warp < L::GROUPS) sum_values(head, largest, kept);
    __syncthreads();
  }

  __device__ __forceinline__ void sum_values(int head, const float (&largest)[2], const float (&kept)[4][2]) {
    int warp = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    State<SLICE> part;
    part.clear();
#pragma unroll
    for (int k = 0; k < 4; k++) {
      int begin = partIndex * PART + k * KEYS;
      if (begin > position || begin + KEYS <= firstSeen) continue;
      uint32_t p[4][4];
#pragma unroll
      for (int j = 0; j < 4; j++) {
        uint4 w = weights[(k * 4 + j) * LANES + lane];
        p[j][0] = w.x, p[j][1] = w.y, p[j][2] = w.z, p[j][3] = w.w;
      }
#pragma unroll
      for (int i = 0; i < 2; i++) part.sum[i] = __fmaf_rn(part.sum[i], kept[k][i], laneSums[(k * 2 + i) * LANES + lane]);
#pragma unroll
      for (int n = 0; n < SLICE; n++)
#pragma unroll
        for (int i = 0; i < 4; i++) part.o[n][i] = __fmul_rn(part.o[n][i], kept[k][i / 2]);
      add_values<W>(part.o, p, values + k * KEYS * L::PITCH, warp * SLICE);
    }
#pragma unroll
    for (int i = 0; i < 2; i++) part.largest[i] = largest[i];
    store(part, head);
  }

  __device__ __forceinline__ float* partial(int ofItem, int head) const {
    return a.partials + ((int64_t)ofItem * a.heads + head) * (a.headDim + 4);
  }

  // The only part of a sequence is its result; others are left for the merge.
  __device__ __forceinline__ void store(const State<SLICE>& part, int head) const {
    int warp = threadIdx.x / LANES, lane = threadIdx.x % LANES, t = lane % 4;
#pragma unroll
    for (int i = 0; i < 2; i++) {
      float sum = quad_sum(part.sum[i]);
      int h = head + lane / 4 + 8 * i;
      if (h >= group) continue;
      h += kvHead * group;
      if (parts > 1) {
        float* to = partial(item, h);
        if (t == 0 && warp == 0) {
          to[0] = part.largest[i];
          to[1] = sum;
        }
#pragma unroll
        for (int n = 0; n < SLICE; n++) {
          int d = 8 * (warp * SLICE + n) + 2 * t;
          if (d < a.headDim) *(float2*)(to + 4 + d) = make_float2(part.o[n][2 * i], part.o[n][2 * i + 1]);
        }
      } else {
        Merge merge(NOTHING_SEEN, part.largest[i], scale);
        float share = __fdiv_rn(1.0f, with_sink(a, h, merge.largest, merge.merged(0.0f, sum), scale));
#pragma unroll
        for (int n = 0; n < SLICE; n++) {
          int d = 8 * (warp * SLICE + n) + 2 * t;
          if (d < a.headDim)
            store_pair(a, row, h * a.headDim + d, __fmul_rn(merge.merged(0.0f, part.o[n][2 * i]), share),
                       __fmul_rn(merge.merged(0.0f, part.o[n][2 * i + 1]), share));
        }
      }
    }
  }

  __device__ __forceinline__ void merge_parts() const {
    __shared__ int arrived;
    __threadfence();
    __syncthreads();
    int at = sequence * a.kvHeads + kvHead;
    if (threadIdx.x == 0) arrived = atomicAdd(a.arrivals + at, 1);
    __syncthreads();
    if (arrived != parts - 1) return;
    __threadfence();
    if (threadIdx.x == 0) a.arrivals[at] = 0;
    if constexpr (FEW)
      merge_quads();
    else
      merge_pairs();
  }

  // Two dimensions a thread.
  __device__ __forceinline__ void merge_pairs() const {
    int pairs = a.headDim / 2, firstItem = item - (partIndex - firstPart);
    for (int w = threadIdx.x; w < group * pairs; w += 4 * LANES) {
      int h = kvHead * group + w / pairs, d = w % pairs * 2;
      float largest = NOTHING_SEEN, sum = 0.0f, x = 0.0f, y = 0.0f;
#pragma unroll 4
      for (int p = 0; p < parts; p++) {
        const float* from = partial(firstItem + p, h);
        float2 head = load_fresh((const float2*)from), v = load_fresh((const float2*)(from + 4 + d));
        Merge merge(largest, head.x, scale);
        sum = merge.merged(sum, head.y);
        x = merge.merged(x, v.x);
        y = merge.merged(y, v.y);
        largest = merge.largest;
      }
      float share = __fdiv_rn(1.0f, with_sink(a, h, largest, sum, scale));
      store_pair(a, row, h * a.headDim + d, __fmul_rn(x, share), __fmul_rn(y, share));
    }
  }

  // Four dimensions a thread, some parts in flight.
  __device__ __forceinline__ void merge_quads() const {
    constexpr int BATCH = 8;
    int quads = a.headDim / 4, pitch = a.headDim + 4;
    const float* base = partial(item - (partIndex - firstPart), kvHead * group);
    int64_t apart = (int64_t)a.heads * pitch;
#pragma unroll 1
    for (int w = threadIdx.x; w < group * quads; w += 4 * LANES) {
      int head = w / quads, quad = w % quads;
      float largest = NOTHING_SEEN, sum = 0.0f;
      float4 x = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
#pragma unroll 1
      for (int p = 0; p < parts; p += BATCH) {
        float2 top[BATCH];
        float4 v[BATCH];
#pragma unroll
        for (int b = 0; b < BATCH; b++) {
          const float* from = base + min(p + b, parts - 1) * apart + head * pitch;
          top[b] = load_fresh((const float2*)from);
          v[b] = load_fresh((const float4*)(from + 4 + 4 * quad));
        }
#pragma unroll
        for (int b = 0; b < BATCH; b++) {
          if (p + b >= parts) break;
          Merge merge(largest, top[b].x, scale);
          sum = merge.merged(sum, top[b].y);
          x = merge.merged(x, v[b]);
          largest = merge.largest;
        }
      }
      float share = __fdiv_rn(1.0f, with_sink(a, kvHead * group + head, largest, sum, scale));
      int column = (kvHead * group + head) * a.headDim + 4 * quad;
      store_pair(a, row, column, __fmul_rn(x.x, share), __fmul_rn(x.y, share));
      store_pair(a, row, column + 2, __fmul_rn(x.z, share), __fmul_rn(x.w, share));
    }
  }

  // What no kernel of a step writes is read before those before it have ended: the step itself, and the keys and values of all
  // positions but the step's own.
  __device__ __forceinline__ void fetch(const TensorCache& cache) const {
    if constexpr (FEW) {
      fetch_early(cache);
      wait_for_earlier();
      fetch_own(cache);
    } else {
      if (partIndex == position / PART) wait_for_earlier();
      fetch_values(cache);
      wait_for_earlier();
    }
  }

  __device__ __forceinline__ void run() {
    let_later_begin();
    int work = a.step->parts * a.kvHeads;
    for (int w = blockIdx.x; w < work; w += gridDim.x) {
      if (!take(w)) continue;
      TensorCache cache(a, sequence, kvHead);
      find_places(cache);
      fetch(cache);
      for (int head = 0; head < group; head += 16) {
        if (head > 0) find_places(cache);
        attend(head);
      }
      if (parts > 1) merge_parts();
      if (kvHead == 0 && partIndex == firstPart) pad_operand(a, row, 4 * LANES);
    }
    wait_for_earlier();
  }
};

// Caches of any type and heads of any size: a block for each row and head, plain arithmetic. Scores of up to 256 positions at a
// time, a warp for each position; then a thread for each dimension.
struct SimtF32 {
  static constexpr int BYTES = 4, ELEMENTS = 1;
  static __device__ __forceinline__ float element(const unsigned char* row, int i) { return ((const float*)row)[i]; }
};
struct SimtF16 {
  static constexpr int BYTES = 2, ELEMENTS = 1;
  static __device__ __forceinline__ float element(const unsigned char* row, int i) { return half_value(((const uint16_t*)row)[i]); }
};
struct SimtBf16 {
  static constexpr int BYTES = 2, ELEMENTS = 1;
  static __device__ __forceinline__ float element(const unsigned char* row, int i) { return bf16_value(((const uint16_t*)row)[i]); }
};
struct SimtQ8 {
  static constexpr int BYTES = 34, ELEMENTS = 32;
  static __device__ __forceinline__ float element(const unsigned char* row, int i) {
    const unsigned char* block = row + i / 32 * 34;
    return __fmul_rn(half_value(*(const uint16_t*)block), (float)(int8_t)block[2 + i % 32]);
  }
};

template <class Type> struct Simt {
  static constexpr int THREADS = 128, MOST_DIMENSIONS = 1024;

  static __device__ __forceinline__ void run(const Attention& a) {
    __shared__ float query[MOST_DIMENSIONS], weights[PART], room[2];
    let_later_begin();
    wait_for_earlier();
    int row = blockIdx.x, head = blockIdx.y;
    const Step* step = a.step;
    if (row >= step->rows || head >= a.heads) return;
    int warp = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    int position = array<int32_t>(step, step->positions)[row];
    Cache<Type::ELEMENTS, Type::BYTES> cache(a, array<int32_t>(step, step->sequenceOf)[row], head / (a.heads / a.kvHeads));
    const float* q = a.qkv + (int64_t)row * a.stride + head * a.headDim;
    for (int d = threadIdx.x; d < a.headDim; d += THREADS) query[d] = q[d];
    __syncthreads();
    float scale = exponent_scale(a), largest = NOTHING_SEEN, sum = 0.0f;
    // With a softcap scores are in its range, from -1 to 1, before they are multiplied by it.
    bool capped = a.softcap > 0.0f;
    float squeeze = capped ? __fdiv_rn(a.scale, a.softcap) : 1.0f;
    if (capped) scale = __fmul_rn(a.softcap, LOG2_E);
    float o[MOST_DIMENSIONS / THREADS] = {};
    int first = first_seen(a, position);
    for (int part = first / PART; part <= position / PART; part++) {
      int begin = max(part * PART, first), end = min(part * PART + PART, position + 1);
      for (int p = begin + warp; p < end; p += THREADS / LANES) {
        const unsigned char* key = cache.key(p);
        float score = 0.0f;
        for (int d = lane; d < a.headDim; d += LANES) score = __fmaf_rn(query[d], Type::element(key, d), score);
        score = warp_sum(score);
        if (lane == 0) weights[p - begin] = capped ? hyperbolic_tangent(__fmul_rn(score, squeeze)) : score;
      }
      __syncthreads();
      if (warp == 0) {
        float most = largest, weight = 0.0f;
        for (int i = lane; i < end - begin; i += LANES) most = fmaxf(most, weights[i]);
        most = warp_max(most);
        for (int i = lane; i < end - begin; i += LANES) {
          weights[i] = exp2f(__fmaf_rn(weights[i], scale, -largest_exponent(most, scale)));
          weight = __fadd_rn(weight, weights[i]);
        }
        weight = warp_sum(weight);
        if (lane == 0) {
          room[0] = most;
          room[1] = weight;
        }
      }
      __syncthreads();
      float kept = exp2f(__fsub_rn(__fmul_rn(largest, scale), largest_exponent(room[0], scale)));
      largest = room[0];
      sum = __fmaf_rn(sum, kept, room[1]);
#pragma unroll
      for (int i = 0; i < MOST_DIMENSIONS / THREADS; i++) o[i] = __fmul_rn(o[i], kept);
      for (int p = begin; p < end; p++) {
        const unsigned char* value = cache.value(p);
        float weight = weights[p - begin];
#pragma unroll
        for (int i = 0; i < MOST_DIMENSIONS / THREADS; i++)
          if ((int)threadIdx.x + i * THREADS < a.valueDim) o[i] = __fmaf_rn(weight, Type::element(value, threadIdx.x + i * THREADS), o[i]);
      }
      __syncthreads();
    }
    sum = with_sink(a, head, largest, sum, scale);
#pragma unroll
    for (int i = 0; i < MOST_DIMENSIONS / THREADS; i++) {
      int d = threadIdx.x + i * THREADS, column = head * a.valueDim + d;
      if (d >= a.valueDim) break;
      float x = __fdiv_rn(o[i], sum);
      if (a.outOperand)
        ((uint16_t*)a.out)[operand_chunk(a.outStride, row, column) + column % 8] = bf16_of(x);
      else
        ((float*)a.out)[(int64_t)row * a.outStride + column] = x;
    }
    if (head == 0) pad_operand(a, row, THREADS);
  }
};

} // namespace serval

#define ATTENTION(w)                                                                 \
  KERNEL(attention_decode_##w, Attention, 128, 3, (serval::Decode<w, false>::SHARED)) { \
    serval::Decode<w, false> decode(a);                                              \
    decode.run();                                                                    \
  }                                                                                  \
  KERNEL(attention_few_##w, Attention, 128, 2, (serval::Decode<w, true>::SHARED)) {  \
    serval::Decode<w, true> decode(a);                                               \
    decode.run();                                                                    \
  }                                                                                  \
  KERNEL(attention_prefill_##w, Attention, 256, 1, (serval::Prefill<w, serval::InStep>::SHARED)) {   \
    serval::Prefill<w, serval::InStep> prefill(a);                                                   \
    prefill.run();                                                                   \
  }
ATTENTION(64)
ATTENTION(96)
ATTENTION(128)

KERNEL(attention_simt_f32, Attention, 128, 1, 0) { serval::Simt<serval::SimtF32>::run(a); }
KERNEL(attention_simt_f16, Attention, 128, 1, 0) { serval::Simt<serval::SimtF16>::run(a); }
KERNEL(attention_simt_bf16, Attention, 128, 1, 0) { serval::Simt<serval::SimtBf16>::run(a); }
KERNEL(attention_simt_q8_0, Attention, 128, 1, 0) { serval::Simt<serval::SimtQ8>::run(a); }
