// Blocks of memory: given, released, and what is wrong with how they are used.
#include "machine.h"

#include <algorithm>
#include <cstdio>

namespace standin {

namespace {

constexpr size_t ALIGNMENT = 512;
constexpr size_t GRAVES = 4096;
constexpr size_t NEAR = 1 << 20; // who touches this much behind a block meant the block
constexpr size_t LARGE = 64 << 10; // begins at a page; smaller ones end at one

const char* nameOf(BlockKind kind) {
  switch (kind) {
    case BlockKind::DEVICE: return "device memory";
    case BlockKind::POOLED: return "pooled device memory";
    case BlockKind::PINNED: return "pinned memory";
    case BlockKind::REGISTERED: return "registered memory";
  }
  return "memory";
}

size_t rounded(size_t bytes) { return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

bool holds(uintptr_t begin, uintptr_t end, uint32_t pattern) {
  const auto* source = reinterpret_cast<const unsigned char*>(&pattern);
  for (uintptr_t at = begin; at < end; at++) {
    if (*reinterpret_cast<const unsigned char*>(at) != source[at & 3]) return false;
  }
  return true;
}

bool onDevice(BlockKind kind) { return kind == BlockKind::DEVICE || kind == BlockKind::POOLED; }

} // namespace

std::string Machine::describe(const Block& block) const {
  char text[160];
  snprintf(text, sizeof text, "%s #%lu of %zu bytes at 0x%lx", nameOf(block.kind), (unsigned long)block.id, block.bytes,
           (unsigned long)block.begin);
  return text;
}

bool Machine::charge(Device* device, uint64_t bytes) {
  if (device->charged + bytes > device->settings.memory) return false;
  device->charged += bytes;
  return true;
}

void Machine::trim(Pool* pool, uint64_t keep) {
  uint64_t target = std::max(keep, pool->used);
  if (pool->reserved <= target) return;
  pool->device->charged -= pool->reserved - target;
  pool->reserved = target;
}

void Machine::trimAll(Device* device) {
  for (auto& [handle, pool] : pools) {
    if (pool->device == device) trim(pool.get(), pool->threshold);
  }
  trim(device->defaultPool.get(), device->defaultPool->threshold);
}

BlockRef Machine::allocateDevice(Context* context, size_t bytes, BlockKind kind, Pool* pool, int& code) {
  Device* device = context->device;
  size_t size = rounded(bytes);
  code = OUT_OF_MEMORY;
  if (settings.oomAbove > 0 && bytes > settings.oomAbove) return nullptr;
  uint64_t fresh = size;
  if (pool != nullptr) {
    if (pool->maxSize > 0 && pool->used + size > pool->maxSize) return nullptr;
    fresh = pool->used + size > pool->reserved ? pool->used + size - pool->reserved : 0;
  }
  if (!charge(device, fresh)) {
    for (auto& [handle, other] : pools) {
      if (other->device == device && other.get() != pool) trim(other.get(), 0);
    }
    if (device->defaultPool.get() != pool) trim(device->defaultPool.get(), 0);
    if (!charge(device, fresh)) return nullptr;
  }
  uintptr_t at = AddressSpace::map(size, true);
  if (at == 0) {
    device->charged -= fresh;
    return nullptr;
  }
  auto block = std::make_shared<Block>();
  block->id = ++nextBlock;
  block->kind = kind;
  block->bytes = bytes;
  block->mapped = at;
  block->mappedBytes = (size + 4095) & ~size_t(4095);
  block->begin = size >= LARGE ? at : at + block->mappedBytes - size;
  block->device = device;
  block->context = context;
  block->pool = pool;
  if (pool != nullptr) {
    pool->used += size;
    pool->usedHigh = std::max(pool->usedHigh, pool->used);
    pool->reserved += fresh;
    pool->reservedHigh = std::max(pool->reservedHigh, pool->reserved);
  }
  blocks[block->begin] = block;
  code = SUCCESS;
  return block;
}

BlockRef Machine::allocatePinned(Context* context, size_t bytes, unsigned flags, int& code) {
  code = OUT_OF_MEMORY;
  if (settings.oomAbove > 0 && bytes > settings.oomAbove) return nullptr;
  uintptr_t at = AddressSpace::map(bytes, false);
  if (at == 0) return nullptr;
  auto block = std::make_shared<Block>();
  block->id = ++nextBlock;
  block->kind = BlockKind::PINNED;
  block->begin = block->mapped = at;
  block->bytes = bytes;
  block->mappedBytes = (bytes + 4095) & ~size_t(4095);
  block->device = context->device;
  block->context = context;
  block->flags = flags;
  blocks[at] = block;
  code = SUCCESS;
  return block;
}

BlockRef Machine::registerHost(Context* context, uintptr_t begin, size_t bytes, unsigned flags, int& code) {
  if (bytes == 0 || begin == 0) {
    code = INVALID_VALUE;
    return nullptr;
  }
  if (overlapsBlock(begin, bytes)) {
    code = HOST_MEMORY_ALREADY_REGISTERED;
    return nullptr;
  }
  volatile char sink;
  uintptr_t fault = guarded([&] {
    for (size_t at = 0; at < bytes; at += 4096) sink = *reinterpret_cast<char*>(begin + at);
    sink = *reinterpret_cast<char*>(begin + bytes - 1);
  });
  (void)sink;
  if (fault != 0) {
    code = INVALID_VALUE;
    return nullptr;
  }
  auto block = std::make_shared<Block>();
  block->id = ++nextBlock;
  block->kind = BlockKind::REGISTERED;
  block->begin = begin;
  block->bytes = bytes;
  block->device = context->device;
  block->context = context;
  block->flags = flags;
  blocks[begin] = block;
  code = SUCCESS;
  return block;
}

BlockRef Machine::find(uintptr_t address, size_t bytes) const {
  auto after = blocks.upper_bound(address);
  if (after == blocks.begin()) return nullptr;
  const BlockRef& block = std::prev(after)->second;
  if (address >= block->end() || bytes > block->end() - address) return nullptr;
  return block;
}

bool Machine::overlapsBlock(uintptr_t begin, size_t bytes) const {
  auto after = blocks.lower_bound(begin);
  if (after != blocks.end() && after->first < begin + bytes) return true;
  return after != blocks.begin() && std::prev(after)->second->end() > begin;
}

bool Machine::deviceAddress(uintptr_t address) const { return AddressSpace::inside(address); }

std::string Machine::whereIs(uintptr_t address) const {
  char text[64];
  snprintf(text, sizeof text, "0x%lx ", (unsigned long)address);
  auto live = blocks.upper_bound(address);
  const Block* before = live == blocks.begin() ? nullptr : std::prev(live)->second.get();
  if (before != nullptr && address < before->end()) return text + ("in " + describe(*before));
  auto grave = graves.upper_bound(address);
  if (grave != graves.begin()) {
    const Block& block = *std::prev(grave)->second;
    if (address < block.begin + std::max(block.bytes, block.mappedBytes)) {
      return text + ("in " + describe(block)) + ", which " + block.releasedBy + " has released";
    }
  }
  if (before != nullptr && address < before->end() + NEAR) return text + ("past the end of " + describe(*before));
  return text + std::string(deviceAddress(address) ? "in no block of a device" : "in memory of the host that is not pinned");
}

void Machine::release(const BlockRef& block, const char* by, bool ordered) {
  if (!ordered) requireOrdered(*block, nullptr, by);
  block->freed = true;
  block->releasedBy = by;
  blocks.erase(block->begin);
  size_t size = rounded(block->bytes);
  if (block->pool != nullptr) {
    block->pool->used -= size;
  } else if (block->kind == BlockKind::DEVICE) {
    block->device->charged -= size;
  }
  graves[block->begin] = block;
  graveOrder.push_back(block->begin);
  if (graveOrder.size() > GRAVES) {
    graves.erase(graveOrder.front());
    graveOrder.pop_front();
  }
  if (block->mapped != 0) {
    DeviceAccess access;
    if (onDevice(block->kind)) {
      if (!holds(block->mapped, block->begin, POISON_NEW)) {
        violation("something was written before the beginning of " + describe(*block));
      }
    }
    if (!holds(block->end(), block->mapped + block->mappedBytes, POISON_NEW)) {
      violation("something was written past the end of " + describe(*block));
    }
    if (block->uses > 0) poison(block->begin, block->bytes, POISON_FREED);
  }
  if (block->uses == 0) retire(block);
}

void Machine::retire(const BlockRef& block) {
  if (block->mapped == 0) return;
  AddressSpace::unmap(block->mapped, block->mappedBytes);
  block->mapped = 0;
}

void Machine::checkReturned(uintptr_t begin, size_t bytes, const std::string& what) {
  if (returned.empty()) return;
  auto after = returned.lower_bound(begin + bytes);
  if (after == returned.begin()) return;
  auto last = std::prev(after);
  if (last->second > begin) violation(what + " uses " + whereIs(std::max(begin, last->first)) + ", in a part that was given back");
}

uint64_t Machine::leakCount(const Context* context) const {
  auto of = [&](const Context* owner) { return context == nullptr || owner == context; };
  uint64_t count = 0;
  for (auto& [begin, block] : blocks) count += of(block->context) && !block->freeing;
  for (auto& [handle, stream] : streams) count += of(stream->context);
  for (auto& [handle, event] : events) count += of(event->context);
  for (auto& [handle, module] : modules) count += of(module->context);
  for (auto& [handle, graph] : graphs) count += of(graph->context);
  for (auto& [handle, executable] : executables) count += of(executable->context);
  if (context == nullptr) count += pools.size();
  return count;
}

std::string Machine::leaks(const Context* context) const {
  auto of = [&](const Context* owner) { return context == nullptr || owner == context; };
  std::string text;
  int named = 0;
  auto add = [&](const std::string& what) {
    if (++named <= 20) text += (text.empty() ? "" : ", ") + what;
  };
  for (auto& [begin, block] : blocks) {
    if (of(block->context) && !block->freeing) add(describe(*block));
  }
  auto count = [&](const char* what, size_t amount) {
    if (amount > 0) add(std::to_string(amount) + " " + what);
  };
  auto owned = [&](auto& table) {
    return std::count_if(table.begin(), table.end(), [&](auto& entry) { return of(entry.second->context); });
  };
  count("stream(s)", owned(streams));
  count("event(s)", owned(events));
  count("module(s)", owned(modules));
  count("graph(s)", owned(graphs));
  count("executable graph(s)", owned(executables));
  if (context == nullptr) count("pool(s)", pools.size());
  if (named > 20) text += " and " + std::to_string(named - 20) + " more";
  return text;
}

} // namespace standin
