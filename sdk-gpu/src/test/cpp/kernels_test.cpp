// kernels_test [filter [seed [scale]]]: runs the cases on the processor. With --table, prints name, structure, threads, shared memory and blocks a multiprocessor of each kernel instead.
#include "cuda_host.h"
#include "host_kernels.h"
#include "kernel_cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string>
#include <vector>

namespace {

const serval_host::Registration* find(const char* name) {
  for (auto* r = serval_host::registrations(); r; r = r->next)
    if (!strcmp(r->name, name)) return r;
  return nullptr;
}

class Processor : public serval_cases::Machine {
  std::vector<void*> blocks;

public:
  void* allocate(size_t bytes) override {
    void* at = aligned_alloc(256, (bytes + 255) / 256 * 256);
    memset(at, 0xff, bytes);
    blocks.push_back(at);
    return at;
  }
  void release() override {
    for (void* at : blocks) free(at);
    blocks.clear();
  }
  void write(void* to, const void* from, size_t bytes) override { memcpy(to, from, bytes); }
  void read(void* to, const void* from, size_t bytes) override { memcpy(to, from, bytes); }
  bool has(const char* kernel) override { return find(kernel) != nullptr; }
  void launch(const char* kernel, uint32_t x, uint32_t y, uint32_t z, const void* argument, size_t argumentBytes) override {
    const serval_host::Registration* r = find(kernel);
    if (!r || r->argumentBytes != argumentBytes) {
      fprintf(stderr, "%s is no kernel, or takes another structure\n", kernel);
      abort();
    }
    r->run(x, y, z, r->threads, 1, 1, r->sharedBytes, argument);
  }
};

void print_table() {
  int count;
  const ServalHostKernel* all = serval_host_kernels(&count);
  for (int i = 0; i < count; i++) {
    const auto* r = find(all[i].name);
    printf("%s %s %d %d %d\n", r->name, r->structure, r->threads, r->sharedBytes, r->blocks);
  }
}

} // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--table") {
    print_table();
    return 0;
  }
  uint64_t seed = argc > 2 ? strtoull(argv[2], nullptr, 10) : 1;
  printf("seed %llu\n", (unsigned long long)seed);
  serval_host_seed(seed);
  serval_host_threads(argc > 3 ? atoi(argv[3]) : 1);
  Processor processor;
  return serval_cases::run_cases(processor, argc > 1 ? argv[1] : "", argc > 3 ? atoi(argv[3]) : 1) != 0;
}
