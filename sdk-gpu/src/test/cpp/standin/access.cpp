// Address space of the devices, and who may touch it.
#include "machine.h"

#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

namespace standin {

namespace {

constexpr size_t PAGE = 4096;
constexpr size_t REGION = size_t(8) << 40;
constexpr size_t FILLED = 256 << 10;       // larger blocks are mapped from a file of poison
constexpr size_t POISON_FILE = 16 << 20;

struct Region {
  uintptr_t begin = 0;
  std::atomic<uintptr_t> next{0};
};

int protectionKey() {
  static const int key = pkey_alloc(0, PKEY_DISABLE_ACCESS);
  return key;
}

Region& region(bool device) {
  static Region regions[2];
  static std::once_flag once;
  std::call_once(once, [] {
    for (Region& region : regions) {
      void* base = mmap(nullptr, REGION, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      region.begin = base == MAP_FAILED ? 0 : reinterpret_cast<uintptr_t>(base);
      region.next = region.begin;
    }
  });
  return regions[device ? 0 : 1];
}

int poisonFile() {
  static const int file = [] {
    int made = memfd_create("poison", 0);
    if (made < 0 || ftruncate(made, POISON_FILE) != 0) return -1;
    void* base = mmap(nullptr, POISON_FILE, PROT_READ | PROT_WRITE, MAP_SHARED, made, 0);
    if (base == MAP_FAILED) return -1;
    poison(reinterpret_cast<uintptr_t>(base), POISON_FILE, POISON_NEW);
    munmap(base, POISON_FILE);
    return made;
  }();
  return file;
}

bool open(uintptr_t begin, size_t bytes, bool device) {
  void* base = reinterpret_cast<void*>(begin);
  if (device && protectionKey() > 0) return pkey_mprotect(base, bytes, PROT_READ | PROT_WRITE, protectionKey()) == 0;
  return mprotect(base, bytes, PROT_READ | PROT_WRITE) == 0;
}

bool mapPoison(uintptr_t begin, size_t bytes) {
  for (size_t done = 0; done < bytes; done += POISON_FILE) {
    size_t part = std::min(POISON_FILE, bytes - done);
    void* base = mmap(reinterpret_cast<void*>(begin + done), part, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, poisonFile(), 0);
    if (base == MAP_FAILED) return false;
  }
  return true;
}

thread_local int accesses __attribute__((tls_model("initial-exec"))) = 0;

struct Trap {
  sigjmp_buf environment;
  uintptr_t address;
};
thread_local Trap* trap __attribute__((tls_model("initial-exec"))) = nullptr;

struct sigaction previous[2];

struct sigaction& previousOf(int signal) { return previous[signal == SIGSEGV ? 0 : 1]; }

void say(const char* text, uintptr_t address) {
  char line[160];
  int length = snprintf(line, sizeof line, "stand-in: %s 0x%lx\n", text, (unsigned long)address);
  if (write(STDERR_FILENO, line, length) < 0) return;
}

void onFault(int signal, siginfo_t* info, void* context) {
  auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  if (trap != nullptr) {
    Trap* jump = trap;
    trap = nullptr;
    jump->address = address == 0 ? 1 : address;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
    siglongjmp(jump->environment, 1);
  }
  if (AddressSpace::inside(address)) say("the host touched device memory at", address);
  struct sigaction& before = previousOf(signal);
  if (before.sa_flags & SA_SIGINFO) {
    before.sa_sigaction(signal, info, context);
  } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(signal);
  } else {
    sigaction(signal, &before, nullptr);
  }
}

void watchFaults() {
  static std::once_flag once;
  std::call_once(once, [] {
    for (int signal : {SIGSEGV, SIGBUS}) {
      sigaction(signal, nullptr, &previousOf(signal));
      struct sigaction action = {};
      action.sa_sigaction = onFault;
      action.sa_flags = (previousOf(signal).sa_flags & ~SA_RESETHAND) | SA_SIGINFO;
      action.sa_mask = previousOf(signal).sa_mask;
      sigaction(signal, &action, nullptr);
    }
  });
}

void allow(bool allowed) {
  if (protectionKey() > 0) pkey_set(protectionKey(), allowed ? 0 : PKEY_DISABLE_ACCESS);
}

} // namespace

bool AddressSpace::guarded() { return protectionKey() > 0; }

bool AddressSpace::inside(uintptr_t address) {
  uintptr_t begin = region(true).begin;
  return address >= begin && address < begin + REGION;
}

uintptr_t AddressSpace::map(size_t bytes, bool device) {
  Region& from = region(device);
  size_t whole = (bytes + PAGE - 1) & ~(PAGE - 1);
  if (from.begin == 0 || whole > REGION / 2) return 0;
  uintptr_t at = from.next.fetch_add(whole + PAGE) + PAGE;
  if (at + whole + PAGE > from.begin + REGION) return 0;
  if (whole > FILLED) {
    bool mapped = mapPoison(at, whole) && (!device || protectionKey() <= 0 || open(at, whole, true));
    return mapped ? at : 0;
  }
  if (!open(at, whole, device)) return 0;
  DeviceAccess access;
  poison(at, whole, POISON_NEW);
  return at;
}

void AddressSpace::unmap(uintptr_t begin, size_t bytes) {
  size_t whole = (bytes + PAGE - 1) & ~(PAGE - 1);
  mmap(reinterpret_cast<void*>(begin), whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

DeviceAccess::DeviceAccess() : outermost(accesses++ == 0) {
  if (outermost) allow(true);
}

DeviceAccess::~DeviceAccess() {
  accesses--;
  if (outermost) allow(false);
}

void poison(uintptr_t begin, size_t bytes, uint32_t pattern) {
  auto* at = reinterpret_cast<unsigned char*>(begin);
  size_t done = 0;
  const auto* source = reinterpret_cast<const unsigned char*>(&pattern);
  while (done < bytes && ((begin + done) & 3) != 0) at[done] = source[(begin + done) & 3], done++;
  auto* words = reinterpret_cast<uint32_t*>(at + done);
  size_t count = (bytes - done) / 4;
  for (size_t i = 0; i < count; i++) words[i] = pattern;
  for (done += count * 4; done < bytes; done++) at[done] = source[(begin + done) & 3];
}

uintptr_t guarded(const std::function<void()>& action) {
  watchFaults();
  Trap mine;
  Trap* outer = trap;
  int depth = accesses;
  mine.address = 0;
  if (sigsetjmp(mine.environment, 0) == 0) {
    trap = &mine;
    action();
    trap = outer;
    return 0;
  }
  trap = outer;
  accesses = depth;
  allow(depth > 0); // a signal takes away what the thread was allowed
  return mine.address;
}

} // namespace standin
