// Streams: work waits in order, and is executed by executor threads and by callers that wait for it.
#include "machine.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace standin {

namespace {

constexpr int64_t NEVER = INT64_MAX;
constexpr int EXECUTORS = 4;

int64_t steady() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

bool bodily(WorkKind kind) {
  return kind == WorkKind::COPY || kind == WorkKind::MEMSET || kind == WorkKind::KERNEL || kind == WorkKind::GRAPH;
}

void use(std::vector<BlockRef>& uses, int change) {
  for (const BlockRef& block : uses) block->uses += change;
}

void useAll(Work& work, int change) {
  use(work.uses, change);
  if (work.program == nullptr) return;
  for (const Program::Node& node : work.program->nodes) {
    for (const BlockRef& block : node.work.uses) block->uses += change;
  }
}

std::string named(const Stream* stream, const Work& work) {
  return std::string(work.name) + " on stream " + std::to_string(stream->handle & 0xffffff);
}

} // namespace

uint64_t Random::next() {
  state += 0x9e3779b97f4a7c15ull;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

int64_t Machine::now() const { return steady(); }

int Machine::codeOf(const Context* context) const {
  return context->device->lost != 0 ? context->device->lost : context->sticky;
}

void Machine::fail(Context* context, int code, const std::string& reason) {
  if (context->sticky != 0) return;
  context->sticky = code;
  context->stickyReason = reason;
}

int64_t Machine::cost(const Work& work) const {
  int64_t bytes = 0;
  for (const Piece& piece : work.pieces) bytes += piece.bytes;
  bytes += int64_t(work.count) * work.width;
  return bodily(work.kind) ? 2000 + bytes / 25 : 0; // 25 GB/s
}

SignalRef Machine::enqueue(Stream* stream, Work work, std::vector<SignalRef> after) {
  auto operation = std::make_unique<Operation>();
  operation->sequence = ++stream->lastSequence;
  operation->done = std::make_shared<Signal>();
  operation->done->stream = stream;
  operation->done->sequence = operation->sequence;
  operation->given = now();
  for (SignalRef& signal : after) {
    if (signal != nullptr && !signal->done) operation->after.push_back(std::move(signal));
  }
  Context* context = stream->context;
  learnFromHost(stream);
  auto follow = [&](Stream* other) {
    if (other->last == nullptr) return;
    if (!other->last->done) operation->after.push_back(other->last);
    stream->knows.merge(other->knows);
    stream->knows.learn(other->number, other->lastSequence);
  };
  if (stream == context->null.get()) {
    for (auto& [handle, other] : streams) {
      if (other->context == context && other->blocking()) follow(other.get());
    }
  } else if (stream->blocking()) {
    follow(context->null.get());
  }
  note(stream, operation->sequence, work);
  if (work.kind == WorkKind::HOST) {
    work.knows = stream->knows;
    if (operation->sequence > 1) work.knows.learn(stream->number, operation->sequence - 1);
  }
  int64_t delay = stream->slow;
  if (delayMode == DelayMode::RANDOM && bodily(work.kind) && random.below(2) == 0) {
    delay += delayMin + int64_t(random.below(uint64_t(delayMax - delayMin + 1)));
  }
  if (delay > 0) stream->readyAt = std::max(stream->readyAt, operation->given) + delay;
  operation->notBefore = stream->readyAt;
  useAll(work, 1);
  operation->work = std::move(work);
  stream->last = operation->done;
  stream->queue.push_back(std::move(operation));
  if (!stream->listed) {
    stream->listed = true;
    active.push_back(stream);
  }
  if (delayMode != DelayMode::DEMAND) given.notify_one();
  return stream->last;
}

bool Machine::startable(const Stream* stream) const {
  if (stream->busy || stream->queue.empty()) return false;
  const Operation& head = *stream->queue.front();
  return std::all_of(head.after.begin(), head.after.end(), [](const SignalRef& signal) { return signal->done; });
}

Stream* Machine::pick(Choice choice, bool host, int64_t& earliest) {
  Stream* candidates[64];
  size_t count = 0;
  int64_t time = 0;
  earliest = NEVER;
  for (Stream* stream : active) {
    if (!startable(stream)) continue;
    const Operation& head = *stream->queue.front();
    bool ofHost = head.work.kind == WorkKind::HOST;
    if (ofHost && !host) continue;
    if (choice != Choice::ANY && stream->needed < head.sequence) continue;
    if (choice == Choice::HOST_NEEDED && !ofHost) continue;
    if (head.notBefore > 0) {
      if (time == 0) time = now();
      if (head.notBefore > time) {
        earliest = std::min(earliest, head.notBefore - time);
        continue;
      }
    }
    if (count < 64) candidates[count++] = stream;
  }
  if (count == 0) return nullptr;
  return candidates[count == 1 ? 0 : random.below(count)];
}

bool Machine::need(const SignalRef& signal) {
  bool host = false;
  Stream* stream = signal->stream;
  if (signal->done || stream->needed >= signal->sequence) {
    for (auto& operation : stream->queue) host |= operation->work.kind == WorkKind::HOST;
    return host;
  }
  stream->needed = signal->sequence;
  for (auto& operation : stream->queue) {
    if (operation->sequence > signal->sequence) break;
    host |= operation->work.kind == WorkKind::HOST;
    for (const SignalRef& before : operation->after) {
      if (!before->done) host |= need(before);
    }
  }
  return host;
}

int Machine::wait(Lock& lock, Context* context, const SignalRef& signal) {
  int code = codeOf(context);
  while (code == 0 && signal != nullptr && !signal->done) {
    if (need(signal)) given.notify_all();
    bool any = delayMode == DelayMode::DEMAND && random.below(4) == 0;
    int64_t earliest;
    Stream* stream = pick(any ? Choice::ANY : Choice::NEEDED, false, earliest);
    if (stream != nullptr) {
      runHead(lock, stream);
    } else if (!any) {
      waiting++;
      changed.wait_for(lock, std::chrono::nanoseconds(std::min<int64_t>(earliest, 20'000'000)));
      waiting--;
    }
    code = codeOf(context);
  }
  if (code == 0) trimAll(context->device);
  return codeOf(context);
}

int Machine::waitAll(Lock& lock, Context* context) {
  std::vector<SignalRef> last;
  for (Stream* stream : active) {
    if (stream->context == context && stream->last != nullptr) last.push_back(stream->last);
  }
  int code = codeOf(context);
  for (const SignalRef& signal : last) {
    if (code == 0) code = wait(lock, context, signal);
  }
  if (code == 0) trimAll(context->device);
  return code;
}

void Machine::drain(Lock& lock, Context* context) {
  for (;;) {
    Stream* next = nullptr;
    bool left = false;
    for (Stream* stream : active) {
      if (stream->context != context || stream->queue.empty()) continue;
      left = true;
      if (!stream->busy && (startable(stream) || codeOf(context) != 0)) next = stream;
    }
    if (!left) return;
    if (next != nullptr) {
      runHead(lock, next);
    } else {
      waiting++;
      changed.wait_for(lock, std::chrono::milliseconds(1));
      waiting--;
    }
  }
}

bool Machine::step(Lock& lock) {
  int64_t earliest;
  Stream* stream = pick(Choice::ANY, true, earliest);
  if (stream == nullptr) return false;
  runHead(lock, stream);
  return true;
}

void Machine::nudge(Lock& lock) {
  if (delayMode != DelayMode::DEMAND) return;
  int64_t earliest;
  for (uint64_t steps = random.below(3); steps > 0; steps--) {
    Stream* stream = pick(Choice::ANY, false, earliest);
    if (stream == nullptr) return;
    runHead(lock, stream);
  }
}

uint64_t Machine::pending() const {
  uint64_t count = 0;
  for (const Stream* stream : active) count += stream->queue.size();
  return count;
}

void Machine::finish(Stream* stream, Operation& operation) {
  int64_t at = now();
  if (settings.virtualTime) {
    int64_t begin = stream->clock;
    for (const SignalRef& before : operation.after) begin = std::max(begin, before->at);
    at = stream->clock = begin + cost(operation.work) + stream->slow;
  }
  useAll(operation.work, -1);
  auto retireUnused = [&](const std::vector<BlockRef>& uses) {
    for (const BlockRef& block : uses) {
      if (block->freed && block->uses == 0) retire(block);
    }
  };
  retireUnused(operation.work.uses);
  if (operation.work.program != nullptr) {
    for (const Program::Node& node : operation.work.program->nodes) retireUnused(node.work.uses);
  }
  operation.done->at = at;
  operation.done->done = true;
}

void Machine::runHead(Lock& lock, Stream* stream) {
  Operation& operation = *stream->queue.front();
  stream->busy = true;
  Context* context = stream->context;
  if (codeOf(context) == 0) {
    int code = perform(lock, stream, operation.work);
    if (code != 0) fail(context, code, named(stream, operation.work));
  }
  stream->busy = false;
  finish(stream, operation);
  stream->queue.pop_front();
  progress++;
  if (stream->queue.empty()) {
    stream->listed = false;
    stream->readyAt = 0;
    active.erase(std::find(active.begin(), active.end(), stream));
    if (stream->destroyed) {
      std::erase_if(ending, [&](const std::shared_ptr<Stream>& other) { return other.get() == stream; });
    }
  }
  if (waiting > 0) changed.notify_all();
  if (delayMode != DelayMode::DEMAND && !active.empty()) given.notify_one();
}

void Machine::checkUse(const Stream* stream, const Work& work) {
  for (const Piece& piece : work.pieces) {
    if (piece.sourceBlock != nullptr) checkReturned(piece.source, piece.bytes, named(stream, work));
    if (piece.targetBlock != nullptr) checkReturned(piece.target, piece.bytes, named(stream, work));
  }
}

int Machine::perform(Lock& lock, Stream* stream, Work& work) {
  checkUse(stream, work);
  switch (work.kind) {
    case WorkKind::COPY:
      return performCopy(lock, stream, work);
    case WorkKind::MEMSET:
      return performMemset(lock, stream, work);
    case WorkKind::KERNEL:
      return performKernel(lock, stream, work);
    case WorkKind::HOST:
      hostLearns(work.knows);
      lock.unlock();
      work.host(work.hostData);
      lock.lock();
      return 0;
    case WorkKind::ALLOCATE:
      work.block->allocated = true;
      return 0;
    case WorkKind::RELEASE:
      release(work.block, "cuMemFreeAsync", true);
      return 0;
    case WorkKind::GRAPH:
      counters["graphs"]++;
      return performProgram(lock, stream, *work.program);
    case WorkKind::RECORD:
    case WorkKind::WAIT:
      return 0;
  }
  return 0;
}

int Machine::performCopy(Lock& lock, Stream* stream, Work& work) {
  if (int code = injected("copy")) return code;
  size_t count = work.pieces.size();
  std::vector<size_t> order(count);
  for (size_t i = 0; i < count; i++) order[i] = i;
  for (size_t i = count; i > 1; i--) std::swap(order[i - 1], order[random.below(i)]); // a batch has no order within
  for (size_t index : order) {
    Piece& piece = work.pieces[index];
    bool gone = (piece.sourceBlock && piece.sourceBlock->freed) || (piece.targetBlock && piece.targetBlock->freed);
    if (gone) continue; // whoever released it has been told
    const void* source = piece.staged ? piece.staged->data() : reinterpret_cast<const void*>(piece.source);
    lock.unlock();
    uintptr_t fault = 0;
    {
      DeviceAccess access;
      fault = guarded([&] { memmove(reinterpret_cast<void*>(piece.target), source, piece.bytes); });
    }
    lock.lock();
    if (fault != 0) return touched(stream, work, fault);
    bool from = deviceAddress(piece.source), to = deviceAddress(piece.target);
    counters[from ? (to ? "deviceToDevice" : "deviceToHost") : (to ? "hostToDevice" : "hostToHost")] += piece.bytes;
  }
  counters["copies"] += count;
  return 0;
}

// What a broken context was doing when it broke is of no account: a device stops it, and its memory may be gone already.
int Machine::touched(const Stream* stream, const Work& work, uintptr_t fault) {
  if (int code = codeOf(stream->context)) return code;
  violation(named(stream, work) + " touched " + whereIs(fault));
  return ILLEGAL_ADDRESS;
}

int Machine::performMemset(Lock& lock, Stream* stream, Work& work) {
  if (int code = injected("memset")) return code;
  if (!work.uses.empty() && work.uses[0]->freed) return 0;
  lock.unlock();
  uintptr_t fault = 0;
  {
    DeviceAccess access;
    fault = guarded([&] {
      if (work.width == 1) memset(reinterpret_cast<void*>(work.target), int(work.value), work.count);
      if (work.width == 2) std::fill_n(reinterpret_cast<uint16_t*>(work.target), work.count, uint16_t(work.value));
      if (work.width == 4) std::fill_n(reinterpret_cast<uint32_t*>(work.target), work.count, work.value);
    });
  }
  lock.lock();
  return fault == 0 ? 0 : touched(stream, work, fault);
}

int Machine::performKernel(Lock& lock, Stream* stream, Work& work) {
  const Launch& launch = work.launch;
  if (int code = injected("kernel")) return code;
  if (int code = injected("kernel " + launch.function->name)) return code;
  const HostKernel* kernel = launch.function->kernel;
  lock.unlock();
  uintptr_t fault = 0;
  {
    DeviceAccess access;
    const unsigned *grid = launch.grid, *block = launch.block;
    fault = guarded([&] {
      kernel->run(grid[0], grid[1], grid[2], block[0], block[1], block[2], launch.sharedBytes, launch.argument.data());
    });
  }
  lock.lock();
  counters["kernels"]++;
  return fault == 0 ? 0 : touched(stream, work, fault);
}

int Machine::performProgram(Lock& lock, Stream* stream, const Program& program) {
  size_t count = program.nodes.size();
  std::vector<size_t> left(count);
  std::vector<size_t> ready;
  for (size_t i = 0; i < count; i++) {
    left[i] = program.nodes[i].after.size();
    if (left[i] == 0) ready.push_back(i);
  }
  while (!ready.empty()) { // in any order that the edges allow
    size_t choice = random.below(ready.size());
    size_t index = ready[choice];
    ready[choice] = ready.back();
    ready.pop_back();
    if (int code = perform(lock, stream, const_cast<Work&>(program.nodes[index].work))) return code;
    for (size_t next = 0; next < count; next++) {
      const auto& after = program.nodes[next].after;
      if (std::find(after.begin(), after.end(), index) != after.end() && --left[next] == 0) ready.push_back(next);
    }
  }
  return 0;
}

void Machine::executeOne(Lock& lock, int64_t& idleSince) {
  int64_t earliest = NEVER;
  bool demand = delayMode == DelayMode::DEMAND;
  Stream* stream = pick(demand ? Choice::HOST_NEEDED : Choice::ANY, true, earliest);
  int64_t idle = int64_t(settings.idleMillis) * 1'000'000;
  if (stream == nullptr && demand && !active.empty() && now() - idleSince > idle) {
    stream = pick(Choice::ANY, true, earliest);
  }
  if (stream != nullptr) {
    runHead(lock, stream);
    idleSince = now();
    return;
  }
  if (active.empty()) idleSince = now();
  int64_t pause = demand ? (active.empty() ? 10'000'000 : idle / 2 + 100'000) : std::min<int64_t>(earliest, 50'000'000);
  given.wait_for(lock, std::chrono::nanoseconds(pause));
}

void Machine::executorLoop(int index) {
  Lock lock(mutex);
  int64_t idleSince = now();
  uint64_t seen = progress;
  for (;;) {
    if (index >= settings.executors) {
      configured.wait(lock);
      continue;
    }
    if (seen != progress) idleSince = now();
    seen = progress;
    executeOne(lock, idleSince);
  }
}

void Machine::start() {
  if (!threads.empty()) return;
  for (int index = 0; index < EXECUTORS; index++) threads.emplace_back([this, index] { executorLoop(index); });
}

} // namespace standin
