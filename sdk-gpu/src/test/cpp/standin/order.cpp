// What is ordered before what, and what is used without being so.
#include "machine.h"

#include <algorithm>
#include <cstdio>
#include <set>

namespace standin {

namespace {

constexpr size_t ACCESSES = 4096;
constexpr size_t ENDED = 256;

auto position(auto& known, uint32_t stream) {
  return std::lower_bound(known.begin(), known.end(), stream, [](auto& entry, uint32_t wanted) { return entry.first < wanted; });
}

bool overlap(const Access& a, uintptr_t begin, uintptr_t end) { return a.begin < end && begin < a.end; }

} // namespace

bool Clock::learn(uint32_t stream, uint64_t sequence) {
  auto at = position(known, stream);
  if (at == known.end() || at->first != stream) {
    known.insert(at, {stream, sequence});
    return true;
  }
  if (at->second >= sequence) return false;
  at->second = sequence;
  return true;
}

bool Clock::merge(const Clock& other) {
  bool news = false;
  for (auto& [stream, sequence] : other.known) news |= learn(stream, sequence);
  return news;
}

bool Clock::covers(uint32_t stream, uint64_t sequence) const {
  auto at = position(known, stream);
  return at != known.end() && at->first == stream && at->second >= sequence;
}

const char* Machine::interned(const std::string& name) {
  static std::set<std::string> names;
  return names.insert(name).first->c_str();
}

void Machine::hostLearns(const Clock& clock) {
  if (host.merge(clock)) hostVersion++;
}

void Machine::hostLearns(const Stream* stream) {
  hostLearns(stream->knows);
  if (stream->lastSequence > 0 && host.learn(stream->number, stream->lastSequence)) hostVersion++;
}

void Machine::learnFromHost(Stream* stream) {
  if (stream->hostSeen == hostVersion) return;
  stream->knows.merge(host);
  stream->hostSeen = hostVersion;
}

// A clock need not remember streams that are gone and known to be done with, once no block remembers them.
void Machine::forgetStream(const Stream* stream) {
  endedStreams.push_back(stream->number);
  if (endedStreams.size() < ENDED) return;
  std::set<uint32_t> ended(endedStreams.begin(), endedStreams.end());
  for (auto& [begin, block] : blocks) {
    std::erase_if(block->accesses, [&](const Access& access) { return host.covers(access.stream, access.sequence); });
    for (const Access& access : block->accesses) ended.erase(access.stream);
    if (block->kind == BlockKind::POOLED) ended.erase(block->allocationStream);
  }
  std::erase_if(endedStreams, [&](uint32_t number) { return ended.contains(number); });
  auto prune = [&](Clock& clock) { std::erase_if(clock.known, [&](auto& entry) { return ended.contains(entry.first); }); };
  prune(host);
  for (auto& [handle, other] : streams) prune(other->knows);
  for (auto& [handle, event] : events) prune(event->knows);
  for (auto& [handle, context] : contexts) prune(context->null->knows);
}

void Machine::noteUse(Stream* stream, uint64_t sequence, const Work& work, const BlockRef& block) {
  bool late = block->kind == BlockKind::POOLED && block->allocationStream != stream->number &&
              !stream->knows.covers(block->allocationStream, block->allocationSequence);
  if (late) {
    violation(std::string(work.name) + " uses " + describe(*block) + " on a stream that does not wait for its allocation");
  }
  std::erase_if(block->accesses, [&](const Access& access) {
    bool again = work.kind == WorkKind::KERNEL && access.end == 0 && access.stream == stream->number;
    return again || host.covers(access.stream, access.sequence);
  });
  if (block->accesses.size() >= ACCESSES) block->accesses.erase(block->accesses.begin());
  if (work.kind == WorkKind::KERNEL) block->accesses.push_back({0, 0, stream->number, sequence, false, work.name});
}

void Machine::noteBytes(Stream* stream, uint64_t sequence, const Work& work, Block& block, uintptr_t begin, size_t bytes,
                        bool write) {
  uintptr_t end = begin + bytes;
  for (const Access& access : block.accesses) {
    bool conflicts = overlap(access, begin, end) && (write || access.write);
    bool before = access.stream == stream->number ? access.sequence < sequence : stream->knows.covers(access.stream, access.sequence);
    if (!conflicts || before) continue;
    violation(std::string(work.name) + (write ? " writes" : " reads") + " bytes of " + describe(block) + " that " + access.name +
              (access.write ? " writes" : " reads") + ", and neither waits for the other");
    break;
  }
  std::erase_if(block.accesses, [&](const Access& access) { // those that this one stands for as well
    return access.end != 0 && access.stream == stream->number && access.begin >= begin && access.end <= end &&
           (write || !access.write);
  });
  block.accesses.push_back({begin, end, stream->number, sequence, write, work.name});
}

void Machine::note(Stream* stream, uint64_t sequence, const Work& work) {
  for (const BlockRef& block : work.uses) noteUse(stream, sequence, work, block);
  for (const Piece& piece : work.pieces) {
    bool fromCall = piece.staged != nullptr;
    if (piece.sourceBlock && !fromCall) noteBytes(stream, sequence, work, *piece.sourceBlock, piece.source, piece.bytes, false);
    if (piece.targetBlock) noteBytes(stream, sequence, work, *piece.targetBlock, piece.target, piece.bytes, true);
  }
  if (work.kind == WorkKind::MEMSET) {
    noteBytes(stream, sequence, work, *work.uses[0], work.target, work.count * work.width, true);
  }
  if (work.program == nullptr) return;
  for (const Program::Node& node : work.program->nodes) {
    for (const BlockRef& block : node.work.uses) {
      noteUse(stream, sequence, node.work, block);
      if (node.work.kind != WorkKind::KERNEL) block->accesses.push_back({0, 0, stream->number, sequence, false, node.work.name});
    }
  }
}

bool Machine::ordered(const Block& block, const Clock& clock, uint32_t own, std::string& what) const {
  for (const Access& access : block.accesses) {
    if (access.stream == own || clock.covers(access.stream, access.sequence)) continue;
    what = access.name;
    return false;
  }
  return true;
}

void Machine::requireOrdered(const Block& block, const Stream* stream, const char* by) {
  std::string what;
  bool allocated = block.kind != BlockKind::POOLED || (stream == nullptr ? host : stream->knows).covers(block.allocationStream, block.allocationSequence) ||
                   (stream != nullptr && stream->number == block.allocationStream);
  if (!allocated) {
    violation(std::string(by) + " releases " + describe(block) + " and does not wait for its allocation");
  }
  if (ordered(block, stream == nullptr ? host : stream->knows, stream == nullptr ? 0 : stream->number, what)) return;
  violation(std::string(by) + " releases " + describe(block) + " and does not wait for " + what + ", which uses it");
}

} // namespace standin
