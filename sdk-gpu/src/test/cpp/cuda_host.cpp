// Runs the blocks of a kernel with fibers for threads; see cuda_host.h.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <thread>
#include <ucontext.h>
#include <vector>

// After the headers of C++, some of whose words it takes.
#include "cuda_host.h"
#include "host_kernels.h"

namespace serval_host {

namespace {

constexpr size_t MOST_SHARED = 227 * 1024;
// Frames of fibers that take turns would all lie in the same sets of a cache, were their stacks to begin at the same offset.
constexpr uintptr_t NEXT_TOP = 576, MOST_TOP = 32 * 1024;
constexpr unsigned char POISON = 0xff;

#if defined(__x86_64__)
extern "C" void serval_host_switch(void** from, void* to);
asm(R"(
.text
.globl serval_host_switch
.hidden serval_host_switch
.type serval_host_switch, @function
serval_host_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size serval_host_switch, .-serval_host_switch
)");
struct Context {
  void* stack;
};
void change(Context& from, Context& to) { serval_host_switch(&from.stack, to.stack); }
void begin(Context& context, unsigned char* stack, size_t size, void (*entry)()) {
  void** top = (void**)(stack + size - 64);
  *--top = nullptr; // where entry would return to, which it never does
  *--top = (void*)entry;
  for (int i = 0; i < 6; i++) *--top = nullptr;
  context.stack = top;
}
#else
struct Context {
  ucontext_t state;
};
void change(Context& from, Context& to) { swapcontext(&from.state, &to.state); }
void begin(Context& context, unsigned char* stack, size_t size, void (*entry)()) {
  getcontext(&context.state);
  context.state.uc_stack.ss_sp = stack + sizeof(Block*);
  context.state.uc_stack.ss_size = size - sizeof(Block*);
  context.state.uc_link = nullptr;
  makecontext(&context.state, entry, 0);
}
#endif

struct Copy {
  void* target;
  const void* source;
  bool real;
};

struct Fiber {
  Context context;
  std::vector<Copy> copies;
  std::vector<size_t> groups; // where each committed group ends in copies
  size_t copied = 0;          // how many of the copies were made
};

// ready: can run; the one that runs is not among them. arrived: wait for the rest of their warp; held: for the block.
struct Warp {
  uint32_t alive, ready, arrived, held;
  WarpOperation operation;
  uint32_t mask;
  Offer offers[LANES];
};

struct Executor : Block {
  Fiber fibers[MOST_THREADS];
  Warp warps[MOST_THREADS / LANES];
  Context scheduler;
  unsigned char* stacks;
  int threads, alive, held;
  size_t sharedBytes;
  const Registration* kernel;
  const void* argument;
  uint64_t random = 0x9e3779b97f4a7c15ull;

  Executor() {
    constexpr uintptr_t ALL = MOST_THREADS * STACK;
    void* room = mmap(nullptr, 2 * ALL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    stacks = (unsigned char*)(((uintptr_t)room + ALL - 1) & ~(ALL - 1));
    *(Block**)stacks = this;
    shared = (unsigned char*)aligned_alloc(1024, (MOST_SHARED + 1023) / 1024 * 1024);
  }

  bool on_fiber() const { return frame() - (uintptr_t)stacks < MOST_THREADS * STACK; }

  uint32_t next_random(uint32_t below) {
    random = random * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((random >> 33) % below);
  }
};

OF_THREAD Executor* executor;
OF_THREAD bool (*still_under_way)();
OF_THREAD void (*forget_what_is)();
Registration* newest;
std::atomic<uint64_t> seed{0x9e3779b97f4a7c15ull};
uintptr_t (*guard)(void (*action)(void*), void* data);

// Of who runs on a fiber.
Executor& mine() { return (Executor&)block(); }
int own_thread() { return (int)thread_index().x; }
Warp& own_warp() { return mine().warps[own_thread() / LANES]; }

// Goes on with another lane of the warp, or else asks the scheduler.
void give_way() {
  Executor& e = mine();
  int thread = own_thread();
  Warp& warp = e.warps[thread / LANES];
  if (warp.ready != 0) {
    int lane = __builtin_ctz(warp.ready);
    warp.ready &= warp.ready - 1;
    int next = thread / LANES * LANES + lane;
    if (next == thread) return;
    change(e.fibers[thread].context, e.fibers[next].context);
  } else {
    change(e.fibers[thread].context, e.scheduler);
  }
}

void release_block(Executor& e) {
  for (int i = 0; i * LANES < e.threads; i++) {
    e.warps[i].ready |= e.warps[i].held;
    e.warps[i].held = 0;
  }
  e.held = 0;
}

void thread_entry() {
  Executor& e = mine();
  e.kernel->body(e.argument);
  Warp& warp = own_warp();
  uint32_t self = 1u << lane();
  if (warp.arrived != 0 && (warp.mask & self)) fail("a thread ended while its warp waits for it");
  warp.alive &= ~self;
  e.alive--;
  if (e.held > 0 && e.held == e.alive) release_block(e);
  give_way();
  abort();
}

void run_block() {
  Executor& e = *executor;
  memset(e.shared, POISON, e.sharedBytes);
  int warps = (e.threads + LANES - 1) / LANES;
  e.alive = e.threads;
  e.held = 0;
  for (int i = 0; i < warps; i++) {
    int lanes = min(LANES, e.threads - i * LANES);
    uint32_t all = lanes == LANES ? 0xffffffffu : (1u << lanes) - 1;
    e.warps[i].alive = e.warps[i].ready = all;
    e.warps[i].arrived = e.warps[i].held = 0;
  }
  for (int i = 0; i < e.threads; i++) {
    Fiber& fiber = e.fibers[i];
    fiber.copies.clear();
    fiber.groups.clear();
    fiber.copied = 0;
    begin(fiber.context, e.stacks + i * STACK, STACK - i * NEXT_TOP % MOST_TOP, thread_entry);
  }
  while (e.alive > 0) {
    int first = (int)e.next_random(warps);
    bool went = false;
    for (int i = 0; i < warps; i++) {
      Warp& warp = e.warps[(first + i) % warps];
      if (warp.ready != 0) {
        int lane = __builtin_ctz(warp.ready);
        warp.ready &= warp.ready - 1;
        went = true;
        int thread = (first + i) % warps * LANES + lane;
        change(e.scheduler, e.fibers[thread].context);
      }
    }
    if (!went && e.alive > 0) fail("all threads of a block wait: some of them do not take part");
  }
  if (still_under_way && still_under_way()) fail("a block ended before copies to its shared memory or products did");
}

struct Fragments {
  float* d;
  const uint32_t* a;
  uint32_t b[2];
};

float low(uint32_t pair) { return __uint_as_float(pair << 16); }
float high(uint32_t pair) { return __uint_as_float(pair & 0xffff0000u); }

void multiply_operation(Offer* offers, uint32_t mask) {
  if (mask != 0xffffffffu) fail("a product needs a whole warp");
  float a[16][16], b[16][8];
  for (int i = 0; i < LANES; i++) {
    const Fragments& f = *(const Fragments*)offers[i].in;
    int g = i / 4, t = i % 4;
    for (int j = 0; j < 4; j++) {
      a[g + j % 2 * 8][2 * t + j / 2 * 8] = low(f.a[j]);
      a[g + j % 2 * 8][2 * t + j / 2 * 8 + 1] = high(f.a[j]);
    }
    for (int j = 0; j < 2; j++) {
      b[2 * t + 8 * j][g] = low(f.b[j]);
      b[2 * t + 8 * j + 1][g] = high(f.b[j]);
    }
  }
  float sums[16][8];
  for (int r = 0; r < 16; r++) {
    float sum[8] = {};
    for (int k = 0; k < 16; k++)
      for (int n = 0; n < 8; n++) sum[n] += a[r][k] * b[k][n];
    for (int n = 0; n < 8; n++) sums[r][n] = sum[n];
  }
  for (int i = 0; i < LANES; i++) {
    float* d = ((const Fragments*)offers[i].in)->d;
    int g = i / 4, t = i % 4;
    d[0] += sums[g][2 * t];
    d[1] += sums[g][2 * t + 1];
    d[2] += sums[g + 8][2 * t];
    d[3] += sums[g + 8][2 * t + 1];
  }
}

void check_shared(const void* at, size_t bytes) {
  const unsigned char* p = (const unsigned char*)at;
  if (p < mine().shared || p + bytes > mine().shared + mine().sharedBytes || (uintptr_t)p % bytes != 0)
    fail("an address is outside shared memory or not a multiple of the access");
}

void load_operation(Offer* offers, uint32_t mask) {
  if (mask != 0xffffffffu) fail("loading matrices needs a whole warp");
  for (int i = 0; i < LANES; i++) check_shared(offers[i].in, 16);
  for (int i = 0; i < LANES; i++)
    for (int m = 0; m < 4; m++) ((uint32_t*)offers[i].out)[m] = ((const uint32_t*)offers[m * 8 + i / 4].in)[i % 4];
}

void load_transposed_operation(Offer* offers, uint32_t mask) {
  if (mask != 0xffffffffu) fail("loading matrices needs a whole warp");
  for (int i = 0; i < LANES; i++) check_shared(offers[i].in, 16);
  for (int i = 0; i < LANES; i++)
    for (int m = 0; m < 4; m++) {
      uint16_t first = ((const uint16_t*)offers[m * 8 + 2 * (i % 4)].in)[i / 4];
      uint16_t second = ((const uint16_t*)offers[m * 8 + 2 * (i % 4) + 1].in)[i / 4];
      ((uint32_t*)offers[i].out)[m] = (uint32_t)second << 16 | first;
    }
}

} // namespace

void fail(const char* what) {
  const Executor* e = executor;
  dim3 block = e ? e->index : dim3{};
  fprintf(stderr, "kernel %s, block (%u, %u, %u), thread %d: %s\n", e && e->kernel ? e->kernel->name : "?", block.x, block.y, block.z,
          e && e->on_fiber() ? own_thread() : -1, what);
  abort();
}

void block_barrier() {
  Executor& e = mine();
  own_warp().held |= 1u << lane();
  if (++e.held == e.alive) release_block(e);
  give_way();
}

// The lanes after this one come first, so that each has its turn.
void pause() {
  Executor& e = mine();
  Warp& warp = own_warp();
  Context& context = e.fibers[own_thread()].context;
  uint32_t later = warp.ready & (uint32_t)(~0ull << (lane() + 1));
  warp.ready |= 1u << lane();
  if (later == 0) {
    change(context, e.scheduler);
    return;
  }
  int next = __builtin_ctz(later);
  warp.ready &= ~(1u << next);
  change(context, e.fibers[own_thread() / LANES * LANES + next].context);
}

void when_block_ends(bool (*under_way)(), void (*forget)()) {
  still_under_way = under_way;
  forget_what_is = forget;
}

void together(WarpOperation operation, uint32_t mask, const void* in, void* out, int number) {
  int self = lane();
  Warp& warp = own_warp();
  if (!(mask >> self & 1)) fail("a thread is not in its own mask");
  if (mask & ~warp.alive) fail("a warp waits for threads that have ended");
  if (warp.arrived == 0) {
    warp.operation = operation;
    warp.mask = mask;
  } else if (warp.operation != operation || warp.mask != mask) {
    fail("threads of a warp wait for each other at different places");
  }
  warp.offers[self] = {in, out, number};
  warp.arrived |= 1u << self;
  if (warp.arrived == mask) {
    operation(warp.offers, mask);
    warp.ready |= mask & ~(1u << self);
    warp.arrived = 0;
  } else {
    give_way();
  }
}

void ballot_operation(Offer* offers, uint32_t mask) {
  uint32_t votes = 0;
  for (int i = 0; i < LANES; i++)
    if (mask >> i & 1 && offers[i].number) votes |= 1u << i;
  for (int i = 0; i < LANES; i++)
    if (mask >> i & 1) *(uint32_t*)offers[i].out = votes;
}

void nothing_operation(Offer*, uint32_t) {}

void copy_later(void* target, const void* source, bool real) {
  check_shared(target, 16);
  if (real && (uintptr_t)source % 16 != 0) fail("an asynchronous copy reads from an address that is no multiple of 16");
  mine().fibers[own_thread()].copies.push_back({target, source, real});
}

void commit_copies() {
  Fiber& fiber = mine().fibers[own_thread()];
  fiber.groups.push_back(fiber.copies.size());
}

void wait_for_copies(int groups) {
  Fiber& fiber = mine().fibers[own_thread()];
  if ((int)fiber.groups.size() <= groups) return;
  size_t end = fiber.groups[fiber.groups.size() - 1 - groups];
  for (; fiber.copied < end; fiber.copied++) {
    const Copy& copy = fiber.copies[fiber.copied];
    if (copy.real)
      memcpy(copy.target, copy.source, 16);
    else
      memset(copy.target, 0, 16);
  }
}

const Registration* registrations() { return newest; }

Registration::Registration(const char* name, const char* structure, size_t argumentBytes, int threads, int sharedBytes, int blocks,
                           void (*body)(const void*),
                           void (*run)(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, size_t, const void*))
    : name(name), structure(structure), argumentBytes(argumentBytes), threads(threads), sharedBytes(sharedBytes), blocks(blocks), body(body), run(run),
      next(newest) {
  newest = this;
}

namespace {

// A launch whose blocks are taken by several threads.
struct Launch {
  const Registration& kernel;
  dim3 grid, block;
  size_t sharedBytes;
  const void* argument;
  uint64_t seed;
  std::vector<uint32_t> order;
  std::atomic<size_t> next{0};
  std::atomic<uint64_t> workers{0};
  std::atomic<uintptr_t> fault{0};
};

void take_blocks(Launch& launch) {
  if (!executor) executor = new Executor();
  Executor& e = *executor;
  e.random = launch.seed + 2 * launch.workers++;
  e.kernel = &launch.kernel;
  e.argument = launch.argument;
  e.threads = (int)launch.block.x;
  e.sharedBytes = launch.sharedBytes;
  e.size = launch.block;
  e.grid = launch.grid;
  while (launch.fault == 0) {
    size_t taken = launch.next++;
    if (taken >= launch.order.size()) return;
    uint32_t at = launch.order[taken];
    e.index = {at % launch.grid.x, at / launch.grid.x % launch.grid.y, at / launch.grid.x / launch.grid.y};
    run_block();
  }
}

// As far as it goes: memory that must not be touched ends it, and is what the launch is told.
void take_guarded(Launch& launch) {
  if (!guard) return take_blocks(launch);
  uintptr_t fault = guard([](void* data) { take_blocks(*(Launch*)data); }, &launch);
  if (fault == 0) return;
  launch.fault = fault;
  if (forget_what_is) forget_what_is();
}

// Threads that help with launches, one launch at a time.
class Team {
  std::mutex gate;
  std::condition_variable called, left;
  Launch* launch = nullptr;
  uint64_t turn = 0;
  int working = 0, members = 0;

  void stay() {
    uint64_t seen = 0;
    std::unique_lock<std::mutex> lock(gate);
    for (;;) {
      called.wait(lock, [&] { return launch != nullptr && turn != seen; });
      seen = turn;
      Launch& mine = *launch;
      working++;
      lock.unlock();
      take_guarded(mine);
      lock.lock();
      working--;
      left.notify_all();
    }
  }

public:
  void grow(int threads) {
    std::lock_guard<std::mutex> lock(gate);
    for (; members < threads - 1; members++) std::thread([this] { stay(); }).detach();
  }

  void run(Launch& mine) {
    std::unique_lock<std::mutex> lock(gate);
    bool together = members > 0 && launch == nullptr && mine.order.size() > 1;
    if (together) {
      launch = &mine;
      turn++;
      called.notify_all();
    }
    lock.unlock();
    take_guarded(mine);
    if (!together) return;
    lock.lock();
    launch = nullptr;
    left.wait(lock, [&] { return working == 0; });
  }
};

Team& team() {
  static Team* all = new Team();
  return *all;
}

} // namespace

void run(const Registration& kernel, dim3 grid, dim3 block, size_t sharedBytes, const void* argument) {
  if (!executor) executor = new Executor();
  executor->kernel = &kernel;
  if ((int)block.x != kernel.threads || block.y * block.z != 1) fail("the block's size is not the one that the kernel was written for");
  if ((int)sharedBytes < kernel.sharedBytes || sharedBytes > MOST_SHARED) fail("too little or too much dynamic shared memory");
  Launch launch = {kernel, grid, block, sharedBytes, argument, seed.fetch_add(0x9e3779b97f4a7c15ull * 2) | 1, {}};
  executor->random = launch.seed;
  uint64_t blocks = (uint64_t)grid.x * grid.y * grid.z;
  launch.order.resize(blocks);
  for (uint64_t i = 0; i < blocks; i++) launch.order[i] = (uint32_t)i;
  for (uint64_t i = blocks; i > 1; i--) std::swap(launch.order[i - 1], launch.order[executor->next_random((uint32_t)i)]);
  team().run(launch);
  if (launch.fault != 0) (void)*(volatile char*)launch.fault.load(); // for who called
}

} // namespace serval_host

namespace serval {

void load_matrices(uint32_t (&r)[4], const void* row) { serval_host::together(serval_host::load_operation, 0xffffffffu, row, r, 0); }
void load_matrices_transposed(uint32_t (&r)[4], const void* row) {
  serval_host::together(serval_host::load_transposed_operation, 0xffffffffu, row, r, 0);
}
void multiply(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  serval_host::Fragments fragments = {d, a, {b0, b1}};
  serval_host::together(serval_host::multiply_operation, 0xffffffffu, &fragments, nullptr, 0);
}

uint16_t bf16_of(float x) {
  uint32_t bits = __float_as_uint(x);
  if (x != x) return 0x7fff;
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// What does not fit a float is rounded twice; none of the kernels' numbers does not.
uint32_t multiply_add_pairs(uint32_t x, uint32_t y, uint32_t z) {
  auto half = [](uint32_t pair, int i) { return __uint_as_float(i ? pair & 0xffff0000u : pair << 16); };
  auto sum = [&](int i) { return fmaf(half(x, i), half(y, i), half(z, i)); };
  return bf16_pair(sum(0), sum(1));
}

float half_value(uint16_t bits) {
  uint32_t sign = (uint32_t)(bits & 0x8000) << 16, exponent = bits >> 10 & 0x1f, mantissa = bits & 0x3ff;
  if (exponent == 0x1f) return __uint_as_float(sign | 0x7f800000u | mantissa << 13);
  if (exponent == 0) return __uint_as_float(sign | __float_as_uint((float)mantissa * 0x1p-24f));
  return __uint_as_float(sign | (exponent + 112) << 23 | mantissa << 13);
}

uint16_t half_of(float x) {
  uint32_t bits = __float_as_uint(x);
  uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  float size = fabsf(x);
  if (size != size) return 0x7fff;
  if (size >= 65520.0f) return sign | 0x7c00;
  if (size < 0x1p-14f) return sign | (uint16_t)rintf(size * 0x1p24f);
  uint32_t rounded = (bits & 0x7fffffffu) + 0xfff + (bits >> 13 & 1);
  return sign | (uint16_t)((rounded - (112u << 23)) >> 13);
}

} // namespace serval

extern "C" {

const ServalHostKernel* serval_host_kernels(int* count) {
  static std::vector<ServalHostKernel> table = [] {
    std::vector<ServalHostKernel> all;
    for (auto* r = serval_host::registrations(); r; r = r->next) all.push_back({r->name, r->run, r->argumentBytes});
    std::sort(all.begin(), all.end(), [](auto& a, auto& b) { return strcmp(a.name, b.name) < 0; });
    return all;
  }();
  *count = (int)table.size();
  return table.data();
}

void serval_host_seed(uint64_t seed) { serval_host::seed = seed * 2 + 1; }

void serval_host_threads(int threads) { serval_host::team().grow(threads); }

void serval_host_guard(uintptr_t (*guard)(void (*action)(void*), void* data)) { serval_host::guard = guard; }
}
