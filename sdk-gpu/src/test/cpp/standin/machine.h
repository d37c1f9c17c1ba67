// The machine that the stand-in plays: devices, their memory, and streams whose work is executed later.
//
// One lock guards all state. Work is put into the queue of its stream by a call and executed in stream order by whoever comes
// first: an executor thread, or a caller that waits. While bytes move or a kernel runs the lock is free, and the blocks that
// the work uses are counted as in use.
//
// What comes before what is known for certain, not by how it happened this time: each stream, event and the host itself has a
// clock that says how far into every stream its knowledge reaches. A use, a release or a conflicting copy that is not ordered
// after what came before is a violation in every run, whatever the delays were.
//
// What must always hold, and is a violation (recorded with a sentence, never fatal) when a caller breaks it:
//  - a block is released only when no work that was given before still uses it;
//  - an asynchronous copy reads and writes pinned or device memory only;
//  - memory is used on a stream only after its allocation in stream order;
//  - two copies or fills that touch the same bytes, one of them writing, are ordered;
//  - a handle is not used after its destruction;
//  - nothing is left when a context goes.
#pragma once

#include "../host_kernels.h"
#include "driver_types.h"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace standin {

using Lock = std::unique_lock<std::mutex>;

struct Random {
  uint64_t state = 1;
  uint64_t next();
  uint64_t below(uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
};

// ---------------------------------------------------------------------------------------------------------------- kernels

using HostKernel = ServalHostKernel;

// ----------------------------------------------------------------------------------------------------------------- memory

enum class BlockKind { DEVICE, POOLED, PINNED, REGISTERED };

struct Device;
struct Context;
struct Pool;
struct Stream;

// For each stream, by number, up to which of its operations all is known to be done before.
struct Clock {
  std::vector<std::pair<uint32_t, uint64_t>> known; // ordered by stream
  bool learn(uint32_t stream, uint64_t sequence);   // whether that was news
  bool merge(const Clock& other);
  bool covers(uint32_t stream, uint64_t sequence) const;
};

// What touches a block: a copy or fill some of its bytes; a kernel nobody knows which.
struct Access {
  uintptr_t begin = 0, end = 0; // empty: of a kernel
  uint32_t stream = 0;
  uint64_t sequence = 0;
  bool write = false;
  const char* name = "";
};

struct Block {
  uint64_t id = 0;
  BlockKind kind = BlockKind::DEVICE;
  uintptr_t begin = 0;
  size_t bytes = 0;
  uintptr_t mapped = 0; // the pages it lies in; 0: not ours
  size_t mappedBytes = 0;
  Device* device = nullptr;
  Context* context = nullptr;
  Pool* pool = nullptr;
  unsigned flags = 0;
  int uses = 0;           // work given and not yet completed
  bool allocated = true;  // in stream order
  bool freeing = false;   // a stream-ordered release is queued
  bool freed = false;
  uint32_t allocationStream = 0; // of a pooled block
  uint64_t allocationSequence = 0;
  std::vector<Access> accesses;  // that the host does not know to be done
  std::string releasedBy;
  uintptr_t end() const { return begin + bytes; }
};
using BlockRef = std::shared_ptr<Block>;

struct Pool {
  Handle handle = 0;
  Device* device = nullptr;
  uint64_t threshold = 0;
  uint64_t used = 0, usedHigh = 0;
  uint64_t reserved = 0, reservedHigh = 0;
  uint64_t maxSize = 0;
  int reuse[3] = {1, 1, 1};
  bool destroyed = false;
};

// ------------------------------------------------------------------------------------------------------------------- work

struct Signal {
  bool done = false;
  int64_t at = 0; // nanoseconds
  Stream* stream = nullptr;
  uint64_t sequence = 0;
};
using SignalRef = std::shared_ptr<Signal>;

struct Piece {
  uintptr_t target, source;
  size_t bytes;
  BlockRef targetBlock, sourceBlock; // null: pageable memory of the host
  std::shared_ptr<std::vector<char>> staged;
};

struct Function;

struct Launch {
  std::shared_ptr<Function> function;
  unsigned grid[3] = {}, block[3] = {};
  unsigned sharedBytes = 0;
  std::vector<char> argument;
};

struct Program;

enum class WorkKind { COPY, MEMSET, KERNEL, HOST, RECORD, WAIT, ALLOCATE, RELEASE, GRAPH };

struct Work {
  WorkKind kind = WorkKind::WAIT;
  const char* name = "";
  std::vector<Piece> pieces; // of a copy
  uintptr_t target = 0;      // of a memset
  uint32_t value = 0;
  unsigned width = 0; // bytes of an element
  size_t count = 0;
  Launch launch;
  HostFunction host = nullptr;
  void* hostData = nullptr;
  BlockRef block; // that is allocated or released
  std::shared_ptr<const Program> program;
  std::vector<BlockRef> uses;
  Clock knows; // of a host function: what is done before it runs
};

// What a graph does: works with the indexes of those that go before.
struct Program {
  struct Node {
    Handle handle;
    Work work;
    std::vector<size_t> after;
  };
  std::vector<Node> nodes;
};

struct Operation {
  uint64_t sequence = 0;
  Work work;
  std::vector<SignalRef> after;
  SignalRef done;
  int64_t notBefore = 0;
  int64_t given = 0;
};

struct Capture;

struct Stream {
  Handle handle = 0;
  uint32_t number = 0;
  Clock knows;
  uint64_t hostSeen = 0;
  Context* context = nullptr;
  unsigned flags = 0;
  int priority = 0;
  bool destroyed = false;
  bool busy = false;
  bool listed = false; // among those with work
  uint64_t lastSequence = 0;
  uint64_t needed = 0; // somebody waits for all up to this
  int64_t slow = 0;    // nanoseconds added to each operation
  int64_t readyAt = 0; // when the last one given may begin
  int64_t clock = 0;   // virtual time
  SignalRef last;
  std::deque<std::unique_ptr<Operation>> queue;
  std::shared_ptr<Capture> capture;
  std::vector<Handle> captureTail; // nodes that the next one follows
  bool blocking() const { return (flags & 1) == 0; }
};

struct Event {
  Handle handle = 0;
  Context* context = nullptr;
  unsigned flags = 0;
  SignalRef last;
  Clock knows;
  std::shared_ptr<Capture> capture; // recorded in a stream that is being captured
  std::vector<Handle> captureTail;
};

// ----------------------------------------------------------------------------------------------------------------- graphs

struct Graph {
  Handle handle = 0;
  Context* context = nullptr;
  std::vector<Handle> order;
  std::map<Handle, Work> works;
  std::map<Handle, std::vector<Handle>> after;
};

struct Executable {
  Handle handle = 0;
  Context* context = nullptr;
  std::shared_ptr<Program> program;
};

struct Capture {
  uint64_t id = 0;
  std::shared_ptr<Graph> graph;
  Stream* origin = nullptr;
  int mode = 0;
  std::thread::id thread;
  bool invalidated = false;
  bool ended = false;
  std::vector<Stream*> streams; // that take part
};

// ---------------------------------------------------------------------------------------------------------------- modules

struct Module {
  Handle handle = 0;
  Context* context = nullptr;
  bool ptx = false;
  std::string image;
  std::map<std::string, Handle> functions;
  int binaryVersion = 0, ptxVersion = 0;
};

struct Function {
  Handle handle = 0;
  Context* context = nullptr;
  std::string name;
  Handle module = 0;
  const HostKernel* kernel = nullptr;
  int dynamicShared = 48 * 1024;
  int carveout = -1;
  int binaryVersion = 0, ptxVersion = 0;
  bool unloaded = false;
};

// ---------------------------------------------------------------------------------------------------------------- devices

struct DeviceSettings {
  std::string name = "Stand-in H100";
  uint64_t memory = uint64_t(80) << 30;
  int major = 9, minor = 0;
  int processors = 132;
  int busId = 0;
  int numa = 0;
  bool ecc = true;
  int migInstances = 0;
  int addressing = 0;
  int linkGeneration = 5, linkWidth = 16;
  int nvlinks = 0;
};

struct Device {
  int ordinal = 0;
  DeviceSettings settings;
  std::unique_ptr<Context> primary;
  uint64_t charged = 0; // bytes taken from its memory
  int lost = 0;         // the code that every call gives
  std::unique_ptr<Pool> defaultPool;
  Pool* currentPool = nullptr;
  int utilisation = 0, memoryUtilisation = 0;
  std::vector<std::pair<unsigned, uint64_t>> processes;
  int recovery = 0;                // what the driver wants done
  std::vector<int> linksDown;
  std::string busName() const;
  // The device's own identity for instance -1, else that of a MIG instance.
  std::string uuidText(int instance = -1) const;
  Uuid uuid(int instance = -1) const;
  uint64_t memoryOf(int instance) const;
};

// What NVML tells of a device while it runs.
struct Notice {
  int device;
  uint64_t type;
  uint64_t data;
  unsigned gpuInstance, computeInstance;
};

struct NoticeSet {
  std::map<int, uint64_t> types; // by device
  std::deque<Notice> notices;
};

struct Context {
  Handle handle = 0;
  Device* device = nullptr;
  bool primary = false;
  int references = 0;
  int flags = 0;
  int sticky = 0;
  std::string stickyReason;
  std::unique_ptr<Stream> null;
  std::vector<Handle> peers;
};

// ----------------------------------------------------------------------------------------------------------- the machine

enum class DelayMode { NONE, RANDOM, DEMAND };

struct Settings {
  std::vector<DeviceSettings> devices = {DeviceSettings{}};
  int driver = 13000;
  std::string driverName = "580.65.06";
  bool batchCopies = true;
  bool pageableAsync = false; // allowed, not a violation
  bool virtualTime = false;
  bool peers = true;
  int executors = 2;
  int idleMillis = 1000; // in demand mode, after this long without progress one operation is executed
  uint64_t oomAbove = 0;
  int initCode = 0;
  int nvmlInitCode = 0;
  bool nvlink = false;
  std::string hidden; // functions that cuGetProcAddress does not know, separated by blanks
  bool gpuDirect = true;
  bool fileCompat = false; // cuFile may copy through the host
};

struct Fault {
  std::string function;
  long after; // calls that still succeed
  long times; // calls that fail
  int code;
};

template <class T> using Table = std::unordered_map<Handle, std::shared_ptr<T>>;

class Machine {
public:
  static Machine& get();

  std::mutex mutex;
  std::condition_variable changed;    // for those who wait for work to be done
  std::condition_variable given;      // for the executors
  std::condition_variable configured; // for executors that the settings do without
  Settings settings;
  std::vector<std::unique_ptr<Device>> devices;
  bool initialised = false;
  uint64_t generation = 0;

  // handles
  Handle nextHandle = 0x5e000000;
  Handle handle() { return nextHandle += 16; }
  std::unordered_map<Handle, Context*> contexts;
  std::vector<std::unique_ptr<Context>> ownContexts;
  Table<Stream> streams;
  Table<Event> events;
  Table<Pool> pools;
  Table<Module> modules;
  Table<Function> functions;
  Table<Graph> graphs;
  Table<Executable> executables;
  std::vector<std::shared_ptr<Stream>> ending; // destroyed, with work left
  std::unordered_map<Handle, std::string> destroyed;

  // memory
  std::map<uintptr_t, BlockRef> blocks;
  std::map<uintptr_t, BlockRef> graves; // the last ones that were released
  std::deque<uintptr_t> graveOrder;
  std::map<Handle, std::shared_ptr<NoticeSet>> noticeSets;
  int managementUsers = 0;
  std::map<uintptr_t, uintptr_t> returned; // parts that a pool above us took back
  uint64_t nextBlock = 0;

  // what went wrong
  uint64_t violationCount = 0;
  std::vector<std::string> violations;
  void violation(const std::string& sentence);

  // control
  std::vector<Fault> faults;
  std::unordered_map<std::string, uint64_t> calls;
  int injected(const std::string& function);
  Random random;
  DelayMode delayMode = DelayMode::NONE;
  int64_t delayMin = 0, delayMax = 0;
  std::string message;
  std::map<std::string, const HostKernel*> kernels;
  std::map<std::string, uint64_t> counters;

  void configure(const Settings& settings, Lock& lock);
  void start();
  const HostKernel* kernel(const std::string& name) const;
  int64_t now() const;

  // memory.cpp
  BlockRef allocateDevice(Context* context, size_t bytes, BlockKind kind, Pool* pool, int& code);
  BlockRef allocatePinned(Context* context, size_t bytes, unsigned flags, int& code);
  BlockRef registerHost(Context* context, uintptr_t begin, size_t bytes, unsigned flags, int& code);
  // Now; `ordered`: after whatever used it.
  void release(const BlockRef& block, const char* by, bool ordered);
  void retire(const BlockRef& block);                    // its pages, when nobody uses them
  BlockRef find(uintptr_t address, size_t bytes) const;
  bool overlapsBlock(uintptr_t begin, size_t bytes) const;
  bool deviceAddress(uintptr_t address) const;
  std::string whereIs(uintptr_t address) const;
  void trim(Pool* pool, uint64_t keep);
  void trimAll(Device* device);
  bool charge(Device* device, uint64_t bytes);
  std::string describe(const Block& block) const;
  std::string leaks(const Context* context) const;
  uint64_t leakCount(const Context* context) const;
  void checkReturned(uintptr_t begin, size_t bytes, const std::string& what);

  // order.cpp
  Clock host;
  uint64_t hostVersion = 1;
  uint32_t nextStream = 0;
  std::vector<uint32_t> endedStreams;
  const char* interned(const std::string& name);
  void hostLearns(const Clock& clock);
  void hostLearns(const Stream* stream); // all that was given to it so far
  void learnFromHost(Stream* stream);
  void forgetStream(const Stream* stream);
  void note(Stream* stream, uint64_t sequence, const Work& work);
  bool ordered(const Block& block, const Clock& clock, uint32_t own, std::string& what) const;
  void requireOrdered(const Block& block, const Stream* stream, const char* by); // null: the host

  // executor.cpp
  SignalRef enqueue(Stream* stream, Work work, std::vector<SignalRef> after = {});
  int wait(Lock& lock, Context* context, const SignalRef& signal);
  int waitAll(Lock& lock, Context* context);
  void drain(Lock& lock, Context* context); // executes or drops all that is left
  bool step(Lock& lock);                    // executes one operation, if one is ready
  void nudge(Lock& lock);                   // somebody asked whether work is done
  uint64_t pending() const;
  int waiting = 0; // how many wait for `changed`
  void fail(Context* context, int code, const std::string& reason);
  std::vector<Stream*> active;

private:
  Machine() = default;
  void executorLoop(int index);
  enum class Choice { ANY, NEEDED, HOST_NEEDED };
  Stream* pick(Choice choice, bool host, int64_t& earliest);
  bool startable(const Stream* stream) const;
  bool need(const SignalRef& signal); // whether a host function is among what is needed
  void executeOne(Lock& lock, int64_t& idleSince);
  int codeOf(const Context* context) const;
  void runHead(Lock& lock, Stream* stream);
  int perform(Lock& lock, Stream* stream, Work& work);
  int performCopy(Lock& lock, Stream* stream, Work& work);
  int performMemset(Lock& lock, Stream* stream, Work& work);
  int touched(const Stream* stream, const Work& work, uintptr_t fault);
  int performKernel(Lock& lock, Stream* stream, Work& work);
  int performProgram(Lock& lock, Stream* stream, const Program& program);
  void checkUse(const Stream* stream, const Work& work);
  void noteUse(Stream* stream, uint64_t sequence, const Work& work, const BlockRef& block);
  void noteBytes(Stream* stream, uint64_t sequence, const Work& work, Block& block, uintptr_t begin, size_t bytes, bool write);
  void finish(Stream* stream, Operation& operation);
  int64_t cost(const Work& work) const;
  uint64_t progress = 0;
  std::vector<std::thread> threads;
};

// ------------------------------------------------------------------------------------------- access.cpp: who may touch what

constexpr uint32_t POISON_NEW = 0x7ffa7ffa;   // not a number as F32, F16 and BF16
constexpr uint32_t POISON_FREED = 0x7ffd7ffd; // likewise

// Device memory cannot be touched by a thread but within the life of one of these.
class DeviceAccess {
public:
  DeviceAccess();
  ~DeviceAccess();
  DeviceAccess(const DeviceAccess&) = delete;

private:
  bool outermost;
};

struct AddressSpace {
  static bool guarded(); // host threads fault on device memory
  static bool inside(uintptr_t address);
  // Pages for `bytes`, poisoned, with a page on either side that nobody may touch; 0 if there is no room.
  static uintptr_t map(size_t bytes, bool device);
  static void unmap(uintptr_t begin, size_t bytes);
};

void poison(uintptr_t begin, size_t bytes, uint32_t pattern);

// Runs it; a bad access ends it early and gives the address, else 0.
uintptr_t guarded(const std::function<void()>& action);

} // namespace standin
