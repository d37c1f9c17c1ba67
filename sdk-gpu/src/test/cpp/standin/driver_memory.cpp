// Memory: device, pools in stream order, pinned and registered memory of the host, and what a pointer is.
#include "api.h"

#include <algorithm>
#include <cstring>

using namespace standin;

namespace {

int newBlock(Entry& entry, size_t bytes, DevicePointer* pointer) {
  if (pointer == nullptr || bytes == 0) return INVALID_VALUE;
  if (int code = captureForbids(entry)) return code;
  int code;
  BlockRef block = entry.machine.allocateDevice(entry.context, bytes, BlockKind::DEVICE, nullptr, code);
  if (block != nullptr) *pointer = block->begin;
  return code;
}

int notABlock(Entry& entry, const char* name, uintptr_t address) {
  entry.machine.violation(std::string(name) + " of " + entry.machine.whereIs(address));
  return INVALID_VALUE;
}

int freeBlock(Entry& entry, const char* name, uintptr_t address, bool device) {
  if (address == 0) return SUCCESS;
  auto found = entry.machine.blocks.find(address);
  if (found == entry.machine.blocks.end()) return notABlock(entry, name, address);
  BlockRef block = found->second;
  bool ofDevice = block->kind == BlockKind::DEVICE || block->kind == BlockKind::POOLED;
  if (ofDevice != device || block->kind == BlockKind::REGISTERED) return notABlock(entry, name, address);
  if (block->freeing) return notABlock(entry, name, address);
  if (int code = captureForbids(entry)) return code;
  entry.machine.release(block, name, health(entry.context) != 0);
  return health(entry.context);
}

Pool* poolOf(Machine& machine, Handle handle) {
  for (auto& device : machine.devices) {
    if (device->defaultPool->handle == handle) return device->defaultPool.get();
  }
  auto found = machine.pools.find(handle);
  return found == machine.pools.end() ? nullptr : found->second.get();
}

int allocateFrom(Entry& entry, Pool* pool, size_t bytes, DevicePointer* pointer, Handle handle) {
  if (pointer == nullptr || bytes == 0) return INVALID_VALUE;
  Stream* stream = streamOf(entry, handle);
  if (stream == nullptr) return badHandle(entry, "stream", handle);
  if (stream->capture != nullptr) return NOT_SUPPORTED; // the module captures no allocations
  int code;
  BlockRef block = entry.machine.allocateDevice(entry.context, bytes, BlockKind::POOLED, pool, code);
  if (block == nullptr && code == OUT_OF_MEMORY) {
    // What the stream gives back before this can be taken by it again: known here once it has.
    if (int failed = entry.machine.wait(entry.lock, entry.context, SignalRef(stream->last))) return failed;
    block = entry.machine.allocateDevice(entry.context, bytes, BlockKind::POOLED, pool, code);
  }
  if (block == nullptr) return code;
  block->allocated = false;
  *pointer = block->begin;
  Work work;
  work.kind = WorkKind::ALLOCATE;
  work.name = "cuMemAllocAsync";
  work.block = block;
  block->allocationStream = stream->number;
  block->allocationSequence = stream->lastSequence + 1;
  return submit(entry, stream, std::move(work));
}

template <class Body> int withPool(const char* name, Handle handle, Body body) {
  return enter(name, Need::DRIVER, [&](Entry& entry) -> int {
    Pool* pool = poolOf(entry.machine, handle);
    return pool == nullptr ? badHandle(entry, "pool", handle) : body(entry, *pool);
  });
}

int attributeOf(Entry& entry, int attribute, DevicePointer pointer, void* data) {
  BlockRef block = entry.machine.find(pointer, 1);
  if (block == nullptr) return INVALID_VALUE;
  bool device = block->kind == BlockKind::DEVICE || block->kind == BlockKind::POOLED;
  switch (attribute) {
    case 1: *static_cast<Handle*>(data) = block->pool != nullptr ? 0 : block->context->handle; break;
    case 2: *static_cast<unsigned*>(data) = device ? 2 : 1; break;
    case 3: *static_cast<DevicePointer*>(data) = pointer; break;
    case 4:
      if (device) return INVALID_VALUE;
      *static_cast<uint64_t*>(data) = pointer;
      break;
    case 6: *static_cast<unsigned*>(data) = 0; break;
    case 7: *static_cast<uint64_t*>(data) = block->id; break;
    case 8: *static_cast<unsigned char*>(data) = 0; break;
    case 9: *static_cast<int*>(data) = block->device->ordinal; break;
    case 10: *static_cast<unsigned char*>(data) = block->kind == BlockKind::DEVICE; break;
    case 11: *static_cast<DevicePointer*>(data) = block->begin; break;
    case 12: *static_cast<size_t*>(data) = block->bytes; break;
    case 13: *static_cast<unsigned char*>(data) = 1; break;
    case 15: *static_cast<unsigned char*>(data) = device && entry.machine.settings.gpuDirect; break;
    case 17: *static_cast<Handle*>(data) = block->pool == nullptr ? 0 : block->pool->handle; break;
    default: return INVALID_VALUE;
  }
  return SUCCESS;
}

size_t sizeOfAttribute(int attribute) {
  switch (attribute) {
    case 2: case 6: case 9: return 4;
    case 8: case 10: case 13: case 15: return 1;
    default: return 8;
  }
}

} // namespace

EXPORTED int cuMemGetInfo_v2(size_t* free, size_t* total) {
  return enter("cuMemGetInfo", Need::HEALTHY, [&](Entry& entry) -> int {
    Device* device = entry.context->device;
    *total = device->settings.memory;
    *free = device->settings.memory - std::min(device->settings.memory, device->charged);
    return SUCCESS;
  });
}
PROCEDURE(cuMemGetInfo, 3020, cuMemGetInfo_v2)

EXPORTED int cuMemAlloc_v2(DevicePointer* pointer, size_t bytes) {
  return enter("cuMemAlloc", Need::HEALTHY, [&](Entry& entry) -> int { return newBlock(entry, bytes, pointer); });
}
PROCEDURE(cuMemAlloc, 3020, cuMemAlloc_v2)

EXPORTED int cuMemFree_v2(DevicePointer pointer) {
  return enter("cuMemFree", Need::CONTEXT, [&](Entry& entry) -> int { return freeBlock(entry, "cuMemFree", pointer, true); });
}
PROCEDURE(cuMemFree, 3020, cuMemFree_v2)

EXPORTED int cuMemGetAddressRange_v2(DevicePointer* begin, size_t* bytes, DevicePointer pointer) {
  return enter("cuMemGetAddressRange", Need::HEALTHY, [&](Entry& entry) -> int {
    BlockRef block = entry.machine.find(pointer, 1);
    if (block == nullptr) return NOT_FOUND;
    if (begin != nullptr) *begin = block->begin;
    if (bytes != nullptr) *bytes = block->bytes;
    return SUCCESS;
  });
}
PROCEDURE(cuMemGetAddressRange, 3020, cuMemGetAddressRange_v2)

EXPORTED int cuMemHostAlloc(void** pointer, size_t bytes, unsigned flags) {
  return enter("cuMemHostAlloc", Need::HEALTHY, [&](Entry& entry) -> int {
    if (pointer == nullptr || bytes == 0 || (flags & ~7u) != 0) return INVALID_VALUE;
    if (int code = captureForbids(entry)) return code;
    int code;
    BlockRef block = entry.machine.allocatePinned(entry.context, bytes, flags, code);
    if (block != nullptr) *pointer = reinterpret_cast<void*>(block->begin);
    return code;
  });
}
PROCEDURE(cuMemHostAlloc, 2020, cuMemHostAlloc)

EXPORTED int cuMemAllocHost_v2(void** pointer, size_t bytes) { return cuMemHostAlloc(pointer, bytes, 0); }
PROCEDURE(cuMemAllocHost, 3020, cuMemAllocHost_v2)

EXPORTED int cuMemFreeHost(void* pointer) {
  return enter("cuMemFreeHost", Need::CONTEXT,
               [&](Entry& entry) -> int { return freeBlock(entry, "cuMemFreeHost", reinterpret_cast<uintptr_t>(pointer), false); });
}
PROCEDURE(cuMemFreeHost, 2000, cuMemFreeHost)

EXPORTED int cuMemHostRegister_v2(void* pointer, size_t bytes, unsigned flags) {
  return enter("cuMemHostRegister", Need::HEALTHY, [&](Entry& entry) -> int {
    if (int code = captureForbids(entry)) return code;
    int code;
    entry.machine.registerHost(entry.context, reinterpret_cast<uintptr_t>(pointer), bytes, flags, code);
    return code;
  });
}
PROCEDURE(cuMemHostRegister, 6050, cuMemHostRegister_v2)

EXPORTED int cuMemHostUnregister(void* pointer) {
  return enter("cuMemHostUnregister", Need::CONTEXT, [&](Entry& entry) -> int {
    auto found = entry.machine.blocks.find(reinterpret_cast<uintptr_t>(pointer));
    if (found == entry.machine.blocks.end() || found->second->kind != BlockKind::REGISTERED) {
      notABlock(entry, "cuMemHostUnregister", reinterpret_cast<uintptr_t>(pointer));
      return HOST_MEMORY_NOT_REGISTERED;
    }
    BlockRef block = found->second;
    entry.machine.release(block, "cuMemHostUnregister", health(entry.context) != 0);
    return health(entry.context);
  });
}
PROCEDURE(cuMemHostUnregister, 4000, cuMemHostUnregister)

EXPORTED int cuMemHostGetDevicePointer_v2(DevicePointer* device, void* pointer, unsigned flags) {
  return enter("cuMemHostGetDevicePointer", Need::HEALTHY, [&](Entry& entry) -> int {
    BlockRef block = entry.machine.find(reinterpret_cast<uintptr_t>(pointer), 1);
    if (block == nullptr || flags != 0) return INVALID_VALUE;
    *device = reinterpret_cast<uintptr_t>(pointer);
    return SUCCESS;
  });
}
PROCEDURE(cuMemHostGetDevicePointer, 3020, cuMemHostGetDevicePointer_v2)

EXPORTED int cuMemHostGetFlags(unsigned* flags, void* pointer) {
  return enter("cuMemHostGetFlags", Need::HEALTHY, [&](Entry& entry) -> int {
    BlockRef block = entry.machine.find(reinterpret_cast<uintptr_t>(pointer), 1);
    if (block == nullptr) return INVALID_VALUE;
    *flags = block->flags;
    return SUCCESS;
  });
}
PROCEDURE(cuMemHostGetFlags, 2030, cuMemHostGetFlags)

EXPORTED int cuPointerGetAttribute(void* data, int attribute, DevicePointer pointer) {
  return enter("cuPointerGetAttribute", Need::DRIVER,
               [&](Entry& entry) -> int { return attributeOf(entry, attribute, pointer, data); });
}
PROCEDURE(cuPointerGetAttribute, 4000, cuPointerGetAttribute)

EXPORTED int cuPointerGetAttributes(unsigned count, int* attributes, void** data, DevicePointer pointer) {
  return enter("cuPointerGetAttributes", Need::DRIVER, [&](Entry& entry) -> int {
    for (unsigned i = 0; i < count; i++) {
      if (attributeOf(entry, attributes[i], pointer, data[i]) != SUCCESS) memset(data[i], 0, sizeOfAttribute(attributes[i]));
    }
    return SUCCESS;
  });
}
PROCEDURE(cuPointerGetAttributes, 7000, cuPointerGetAttributes)

// --------------------------------------------------------------------------------------------------------------- pools

EXPORTED int cuDeviceGetDefaultMemPool(Handle* pool, int ordinal) {
  return enter("cuDeviceGetDefaultMemPool", Need::DRIVER, [&](Entry& entry) -> int {
    Device* device = deviceOf(entry.machine, ordinal);
    if (device == nullptr) return INVALID_DEVICE;
    *pool = device->defaultPool->handle;
    return SUCCESS;
  });
}
PROCEDURE(cuDeviceGetDefaultMemPool, 11020, cuDeviceGetDefaultMemPool)

EXPORTED int cuDeviceGetMemPool(Handle* pool, int ordinal) {
  return enter("cuDeviceGetMemPool", Need::DRIVER, [&](Entry& entry) -> int {
    Device* device = deviceOf(entry.machine, ordinal);
    if (device == nullptr) return INVALID_DEVICE;
    *pool = device->currentPool->handle;
    return SUCCESS;
  });
}
PROCEDURE(cuDeviceGetMemPool, 11020, cuDeviceGetMemPool)

EXPORTED int cuDeviceSetMemPool(int ordinal, Handle handle) {
  return withPool("cuDeviceSetMemPool", handle, [&](Entry& entry, Pool& pool) -> int {
    Device* device = deviceOf(entry.machine, ordinal);
    if (device == nullptr) return INVALID_DEVICE;
    if (pool.device != device) return INVALID_VALUE;
    device->currentPool = &pool;
    return SUCCESS;
  });
}
PROCEDURE(cuDeviceSetMemPool, 11020, cuDeviceSetMemPool)

EXPORTED int cuMemPoolCreate(Handle* pool, const PoolProperties* properties) {
  return enter("cuMemPoolCreate", Need::DRIVER, [&](Entry& entry) -> int {
    if (pool == nullptr || properties == nullptr || properties->allocationType != 1) return INVALID_VALUE;
    if (properties->location.type != 1) return NOT_SUPPORTED;
    Device* device = deviceOf(entry.machine, properties->location.id);
    if (device == nullptr) return INVALID_DEVICE;
    if (device->lost != 0) return device->lost;
    auto made = std::make_shared<Pool>();
    made->handle = entry.machine.handle();
    made->device = device;
    made->maxSize = properties->maxSize;
    entry.machine.pools[made->handle] = made;
    *pool = made->handle;
    return SUCCESS;
  });
}
PROCEDURE(cuMemPoolCreate, 11020, cuMemPoolCreate)

EXPORTED int cuMemPoolDestroy(Handle handle) {
  return enter("cuMemPoolDestroy", Need::DRIVER, [&](Entry& entry) -> int {
    auto found = entry.machine.pools.find(handle);
    if (found == entry.machine.pools.end()) return badHandle(entry, "pool", handle);
    std::shared_ptr<Pool> pool = found->second;
    std::vector<BlockRef> left;
    for (auto& [begin, block] : entry.machine.blocks) {
      if (block->pool == pool.get()) left.push_back(block);
    }
    for (const BlockRef& block : left) {
      if (!block->freeing) entry.machine.violation("cuMemPoolDestroy with " + entry.machine.describe(*block) + " still allocated");
    }
    for (Context* context : [&] {
           std::vector<Context*> owners;
           for (auto& [key, owner] : entry.machine.contexts) owners.push_back(owner);
           return owners;
         }()) {
      if (!left.empty() && context->device == pool->device) entry.machine.waitAll(entry.lock, context);
    }
    for (const BlockRef& block : left) {
      if (!block->freed) entry.machine.release(block, "cuMemPoolDestroy", true);
    }
    entry.machine.trim(pool.get(), 0);
    if (pool->device->currentPool == pool.get()) pool->device->currentPool = pool->device->defaultPool.get();
    entry.machine.pools.erase(handle);
    entry.machine.destroyed[handle] = "cuMemPoolDestroy";
    // Blocks in their graves still point at it.
    static std::vector<std::shared_ptr<Pool>> kept;
    kept.push_back(pool);
    return pool->device->lost;
  });
}
PROCEDURE(cuMemPoolDestroy, 11020, cuMemPoolDestroy)

EXPORTED int cuMemPoolSetAttribute(Handle handle, int attribute, void* value) {
  return withPool("cuMemPoolSetAttribute", handle, [&](Entry&, Pool& pool) -> int {
    switch (attribute) {
      case 1: case 2: case 3: pool.reuse[attribute - 1] = *static_cast<int*>(value); return SUCCESS;
      case 4: pool.threshold = *static_cast<uint64_t*>(value); return SUCCESS;
      case 6: pool.reservedHigh = pool.reserved; return *static_cast<uint64_t*>(value) == 0 ? SUCCESS : INVALID_VALUE;
      case 8: pool.usedHigh = pool.used; return *static_cast<uint64_t*>(value) == 0 ? SUCCESS : INVALID_VALUE;
      default: return INVALID_VALUE;
    }
  });
}
PROCEDURE(cuMemPoolSetAttribute, 11020, cuMemPoolSetAttribute)

EXPORTED int cuMemPoolGetAttribute(Handle handle, int attribute, void* value) {
  return withPool("cuMemPoolGetAttribute", handle, [&](Entry&, Pool& pool) -> int {
    auto* wide = static_cast<uint64_t*>(value);
    switch (attribute) {
      case 1: case 2: case 3: *static_cast<int*>(value) = pool.reuse[attribute - 1]; return SUCCESS;
      case 4: *wide = pool.threshold; return SUCCESS;
      case 5: *wide = pool.reserved; return SUCCESS;
      case 6: *wide = pool.reservedHigh; return SUCCESS;
      case 7: *wide = pool.used; return SUCCESS;
      case 8: *wide = pool.usedHigh; return SUCCESS;
      default: return INVALID_VALUE;
    }
  });
}
PROCEDURE(cuMemPoolGetAttribute, 11020, cuMemPoolGetAttribute)

EXPORTED int cuMemPoolTrimTo(Handle handle, size_t keep) {
  return withPool("cuMemPoolTrimTo", handle, [&](Entry& entry, Pool& pool) -> int {
    entry.machine.trim(&pool, keep);
    return pool.device->lost;
  });
}
PROCEDURE(cuMemPoolTrimTo, 11020, cuMemPoolTrimTo)

EXPORTED int cuMemPoolSetAccess(Handle handle, const AccessDescription* accesses, size_t count) {
  return withPool("cuMemPoolSetAccess", handle, [&](Entry& entry, Pool&) -> int {
    for (size_t i = 0; i < count; i++) {
      if (accesses[i].location.type != 1) return INVALID_VALUE;
      if (deviceOf(entry.machine, accesses[i].location.id) == nullptr) return INVALID_DEVICE;
    }
    return SUCCESS;
  });
}
PROCEDURE(cuMemPoolSetAccess, 11020, cuMemPoolSetAccess)

EXPORTED int cuMemAllocAsync(DevicePointer* pointer, size_t bytes, Handle stream) {
  return enter("cuMemAllocAsync", Need::HEALTHY, [&](Entry& entry) -> int {
    return allocateFrom(entry, entry.context->device->currentPool, bytes, pointer, stream);
  });
}
PROCEDURE(cuMemAllocAsync, 11020, cuMemAllocAsync)

EXPORTED int cuMemAllocFromPoolAsync(DevicePointer* pointer, size_t bytes, Handle handle, Handle stream) {
  return enter("cuMemAllocFromPoolAsync", Need::HEALTHY, [&](Entry& entry) -> int {
    Pool* pool = poolOf(entry.machine, handle);
    return pool == nullptr ? badHandle(entry, "pool", handle) : allocateFrom(entry, pool, bytes, pointer, stream);
  });
}
PROCEDURE(cuMemAllocFromPoolAsync, 11020, cuMemAllocFromPoolAsync)

EXPORTED int cuMemFreeAsync(DevicePointer pointer, Handle handle) {
  return enter("cuMemFreeAsync", Need::CONTEXT, [&](Entry& entry) -> int {
    Stream* stream = streamOf(entry, handle);
    if (stream == nullptr) return badHandle(entry, "stream", handle);
    auto found = entry.machine.blocks.find(pointer);
    if (found == entry.machine.blocks.end() || found->second->freeing || found->second->kind == BlockKind::PINNED ||
        found->second->kind == BlockKind::REGISTERED) {
      return notABlock(entry, "cuMemFreeAsync", pointer);
    }
    BlockRef block = found->second;
    if (int code = health(entry.context)) {
      if (block->uses == 0) entry.machine.release(block, "cuMemFreeAsync", true);
      block->freeing = true;
      return code;
    }
    if (stream->capture != nullptr) return NOT_SUPPORTED;
    block->freeing = true;
    entry.machine.learnFromHost(stream);
    entry.machine.requireOrdered(*block, stream, "cuMemFreeAsync");
    Work work;
    work.kind = WorkKind::RELEASE;
    work.name = "cuMemFreeAsync";
    work.block = block;
    return submit(entry, stream, std::move(work));
  });
}
PROCEDURE(cuMemFreeAsync, 11020, cuMemFreeAsync)
