// See hopper_host.h.
#include <vector>

#include "hopper_host.h"

namespace serval {

namespace {

using serval_host::fail;

constexpr uint8_t BEGUN = 0x5a;
constexpr int MOST_POLLS = 4000000;
constexpr int MOST_THREADS = 1024;
constexpr int MOST_GROUPS = 16;

struct TileCopy {
  unsigned char* target;
  const void* source;
  uint32_t bytes;
  Barrier* barrier;
};

struct Product {
  float* d;
  int count;
  const unsigned char* weights; // null: their numbers are here
  float numbers[2][16];
  const unsigned char* tokens;
};

struct Products {
  std::vector<Product> issued;
  std::vector<size_t> groups; // where each committed group ends
};

// Of the block that a thread of the processor runs.
thread_local std::vector<TileCopy> copies;
thread_local Products products[MOST_THREADS];
OF_THREAD int group_arrivals[MOST_GROUPS], group_turns[MOST_GROUPS];
OF_THREAD int polls;
OF_THREAD uint32_t random_state = 1;

uint32_t next_random(uint32_t below) {
  random_state = random_state * 1664525u + 1013904223u;
  return (uint32_t)((uint64_t)random_state * below >> 32);
}

void check(const Barrier* b) {
  if ((uintptr_t)b % 8 != 0 || b->begun != BEGUN) fail("a barrier is used that was not begun");
}

void end_phase_if_over(Barrier* b) {
  if (b->pending > 0 || b->bytes != 0) return;
  b->parity ^= 1;
  b->pending = b->arrivals;
  polls = 0;
}

void make_a_copy() {
  if (copies.empty()) return;
  size_t i = next_random((uint32_t)copies.size());
  TileCopy copy = copies[i];
  copies[i] = copies.back();
  copies.pop_back();
  memcpy(copy.target, copy.source, copy.bytes);
  check(copy.barrier);
  copy.barrier->bytes -= (int32_t)copy.bytes;
  end_phase_if_over(copy.barrier);
  polls = 0;
}

void poll() {
  if (next_random(16) == 0) make_a_copy();
  if (++polls > MOST_POLLS) fail("threads wait for what never comes");
  serval_host::pause();
}

bool under_way() {
  if (!copies.empty()) return true;
  for (const Products& p : products)
    if (!p.issued.empty()) return true;
  return false;
}

void forget() {
  copies.clear();
  for (Products& p : products) {
    p.issued.clear();
    p.groups.clear();
  }
  memset(group_arrivals, 0, sizeof group_arrivals);
}

// A 16-bit element of a matrix whose chunks are swapped, as the hardware finds it.
float element(const unsigned char* matrix, int row, int k) {
  uintptr_t at = (uintptr_t)matrix + row * 128 + k * 2;
  at ^= (at >> 7 & 7) << 4;
  return __uint_as_float((uint32_t) * (const uint16_t*)at << 16);
}

void make(const Product& p) {
  int lane = serval_host::lane(), g = lane / 4, t = lane % 4, warp = (int)threadIdx.x % 128 / 32;
  float w[2][16];
  for (int i = 0; i < 2; i++)
    for (int k = 0; k < 16; k++) w[i][k] = p.weights ? element(p.weights, warp * 16 + g + 8 * i, k) : p.numbers[i][k];
  for (int j = 0; j < p.count / 4; j++)
    for (int n = 0; n < 2; n++) {
      float x[16];
      for (int k = 0; k < 16; k++) x[k] = element(p.tokens, 8 * j + 2 * t + n, k);
      for (int i = 0; i < 2; i++) {
        float sum = 0;
        for (int k = 0; k < 16; k++) sum += w[i][k] * x[k];
        p.d[4 * j + 2 * i + n] += sum;
      }
    }
}

// The products of all committed groups but the latest few.
void make_all_but(int groups) {
  __syncwarp();
  Products& mine = products[threadIdx.x];
  if ((int)mine.groups.size() <= groups) return;
  size_t count = mine.groups[mine.groups.size() - 1 - groups];
  for (size_t i = 0; i < count; i++) make(mine.issued[i]);
  mine.issued.erase(mine.issued.begin(), mine.issued.begin() + count);
  mine.groups.erase(mine.groups.begin(), mine.groups.end() - groups);
  for (size_t& end : mine.groups) end -= count;
}

void check_tile(const void* at, int row_bytes) {
  const unsigned char* p = (const unsigned char*)at;
  if (p < shared_memory() || (uintptr_t)(p - shared_memory()) % 1024 + 32 > (uintptr_t)row_bytes || (uintptr_t)p % 32 != 0)
    fail("a matrix of a product does not begin where it may");
}

} // namespace

void barrier_begin(Barrier* b, int arrivals) { *b = {(uint8_t)arrivals, (uint8_t)arrivals, 0, BEGUN, 0}; }

void arrive(Barrier* b) {
  check(b);
  if (b->pending == 0) fail("more arrivals at a barrier than it takes");
  b->pending--;
  end_phase_if_over(b);
}

void expect(Barrier* b, uint32_t bytes) {
  check(b);
  b->bytes += (int32_t)bytes;
}

void await(Barrier* b, int parity) {
  check(b);
  while (b->parity == parity) poll();
}

void copy_tile(void* target, const void* source, uint32_t bytes, Barrier* b, uint64_t) {
  check(b);
  if ((uintptr_t)target % 16 != 0 || (uintptr_t)source % 16 != 0 || bytes % 16 != 0) fail("a tile's copy is no multiple of 16");
  serval_host::when_block_ends(under_way, forget);
  memset(target, 0xff, bytes);
  copies.push_back({(unsigned char*)target, source, bytes, b});
}

void group_barrier(int id, int threads) {
  int turn = group_turns[id];
  if (++group_arrivals[id] == threads) {
    group_arrivals[id] = 0;
    group_turns[id]++;
    polls = 0;
  }
  while (group_turns[id] == turn) poll();
}

void commit_products() {
  __syncwarp();
  Products& mine = products[threadIdx.x];
  mine.groups.push_back(mine.issued.size());
}

void await_products_before() { make_all_but(1); }
void await_all_products() { make_all_but(0); }

void multiply_tiles(float* d, int count, const void* weights, const void* tokens) {
  check_tile(weights, 128);
  check_tile(tokens, 128);
  __syncwarp();
  products[threadIdx.x].issued.push_back({d, count, (const unsigned char*)weights, {}, (const unsigned char*)tokens});
}

void multiply_tiles(float* d, int count, const uint32_t (&a)[4], const void* tokens) {
  check_tile(tokens, 128);
  Product p = {d, count, nullptr, {}, (const unsigned char*)tokens};
  int g = serval_host::lane() / 4;
  for (int t = 0; t < 4; t++)
    for (int j = 0; j < 4; j++) {
      uint32_t pair = __shfl_sync(0xffffffffu, a[j], 4 * g + t);
      p.numbers[j % 2][2 * t + j / 2 * 8] = __uint_as_float(pair << 16);
      p.numbers[j % 2][2 * t + j / 2 * 8 + 1] = __uint_as_float(pair & 0xffff0000u);
    }
  products[threadIdx.x].issued.push_back(p);
}

} // namespace serval
