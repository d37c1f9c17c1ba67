// Copies and fills.
#include "api.h"

#include <algorithm>
#include <cstdio>

using namespace standin;

namespace {

enum class Role { HOST, DEVICE, EITHER };

// What one end of a copy is; null with code 0 for pageable memory of the host.
BlockRef endOf(Entry& entry, const char* name, uintptr_t address, size_t bytes, Role role, int& code) {
  Machine& machine = entry.machine;
  code = SUCCESS;
  BlockRef block = machine.find(address, bytes);
  if (block != nullptr) {
    if (block->freeing) machine.violation(std::string(name) + " uses " + machine.describe(*block) + " after cuMemFreeAsync");
    return block;
  }
  bool inside = machine.deviceAddress(address) || machine.overlapsBlock(address, bytes);
  bool released = machine.graves.contains(address) && machine.graves[address]->mapped == 0 &&
                  machine.graves[address]->kind == BlockKind::PINNED;
  if (inside || released || role == Role::DEVICE) {
    machine.violation(std::string(name) + " of " + std::to_string(bytes) + " bytes at " + machine.whereIs(address));
    code = INVALID_VALUE;
  }
  return nullptr;
}

int pieceOf(Entry& entry, const char* name, uintptr_t target, Role targetRole, uintptr_t source, Role sourceRole, size_t bytes,
            Piece& piece) {
  int code;
  piece.target = target;
  piece.source = source;
  piece.bytes = bytes;
  piece.targetBlock = endOf(entry, name, target, bytes, targetRole, code);
  if (code != SUCCESS) return code;
  piece.sourceBlock = endOf(entry, name, source, bytes, sourceRole, code);
  return code;
}

void addUses(Work& work, const Piece& piece) {
  for (const BlockRef& block : {piece.targetBlock, piece.sourceBlock}) {
    if (block != nullptr) work.uses.push_back(block);
  }
}

// The bytes of the source as they are now.
int stage(Entry& entry, const char* name, Piece& piece) {
  piece.staged = std::make_shared<std::vector<char>>(piece.bytes);
  DeviceAccess access;
  const auto* source = reinterpret_cast<const char*>(piece.source);
  if (uintptr_t fault = guarded([&] { std::copy_n(source, piece.bytes, piece.staged->data()); })) {
    entry.machine.violation(std::string(name) + " touched " + entry.machine.whereIs(fault));
    return ILLEGAL_ADDRESS;
  }
  return SUCCESS;
}

int give(Entry& entry, Stream* stream, Work work, bool waits) {
  SignalRef signal;
  if (int code = submit(entry, stream, std::move(work), &signal)) return code;
  if (!waits || signal == nullptr) return SUCCESS;
  Clock clock = stream->knows;
  clock.learn(stream->number, stream->lastSequence);
  if (int code = entry.machine.wait(entry.lock, entry.context, signal)) return code;
  entry.machine.hostLearns(clock);
  return SUCCESS;
}

int copy(Entry& entry, const char* name, uintptr_t target, Role targetRole, uintptr_t source, Role sourceRole, size_t bytes,
         Handle handle, bool asynchronous) {
  if (bytes == 0) return SUCCESS;
  Stream* stream = streamOf(entry, handle);
  if (stream == nullptr) return badHandle(entry, "stream", handle);
  Work work;
  work.kind = WorkKind::COPY;
  work.name = name;
  work.pieces.resize(1);
  Piece& piece = work.pieces[0];
  if (int code = pieceOf(entry, name, target, targetRole, source, sourceRole, bytes, piece)) return code;
  bool pageable = piece.targetBlock == nullptr || piece.sourceBlock == nullptr;
  if (asynchronous && pageable && !entry.machine.settings.pageableAsync) {
    entry.machine.violation(std::string(name) + " of " + std::to_string(bytes) + " bytes with memory that is not pinned: " +
                            entry.machine.whereIs(piece.targetBlock == nullptr ? target : source));
  }
  if (stream->capture != nullptr && pageable) return STREAM_CAPTURE_UNSUPPORTED;
  if (asynchronous && piece.sourceBlock == nullptr) {
    if (int code = stage(entry, name, piece)) return code;
  }
  if (!asynchronous) {
    if (int code = captureForbids(entry)) return code;
  }
  addUses(work, piece);
  bool waits = !asynchronous || piece.targetBlock == nullptr;
  return give(entry, stream, std::move(work), waits);
}

int fill(const char* name, DevicePointer target, uint32_t value, unsigned width, size_t count, Handle handle, bool asynchronous) {
  return enter(name, Need::HEALTHY, [&](Entry& entry) -> int {
    if (count == 0) return SUCCESS;
    if (target % width != 0) return INVALID_VALUE;
    Stream* stream = streamOf(entry, handle);
    if (stream == nullptr) return badHandle(entry, "stream", handle);
    int code;
    BlockRef block = endOf(entry, name, target, count * width, Role::DEVICE, code);
    if (code != SUCCESS) return code;
    if (!asynchronous) {
      if (int forbidden = captureForbids(entry)) return forbidden;
    }
    Work work;
    work.kind = WorkKind::MEMSET;
    work.name = name;
    work.target = target;
    work.value = value;
    work.width = width;
    work.count = count;
    work.uses.push_back(block);
    return give(entry, stream, std::move(work), !asynchronous);
  });
}

int copyCall(const char* name, uintptr_t target, Role targetRole, uintptr_t source, Role sourceRole, size_t bytes, Handle stream,
             bool asynchronous) {
  return enter(name, Need::HEALTHY, [&](Entry& entry) -> int {
    return copy(entry, name, target, targetRole, source, sourceRole, bytes, stream, asynchronous);
  });
}

uintptr_t address(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

bool sound(size_t count, const CopyAttributes* attributes, const size_t* indexes, size_t attributeCount) {
  if (count == 0 || attributeCount == 0 || attributeCount > count || indexes[0] != 0) return false;
  for (size_t i = 0; i < attributeCount; i++) {
    if (indexes[i] >= count || (i > 0 && indexes[i] <= indexes[i - 1])) return false;
    if (attributes[i].sourceAccessOrder < 1 || attributes[i].sourceAccessOrder > 3 || attributes[i].flags > 1) return false;
  }
  return true;
}

int batch(DevicePointer* targets, DevicePointer* sources, size_t* sizes, size_t count, CopyAttributes* attributes, size_t* indexes,
          size_t attributeCount, size_t* failed, Handle handle) {
  const char* name = "cuMemcpyBatchAsync";
  return enter(name, Need::HEALTHY, [&](Entry& entry) -> int {
    if (failed != nullptr) *failed = SIZE_MAX;
    if (handle == 0 || handle == 1) return INVALID_VALUE;
    Stream* stream = streamOf(entry, handle);
    if (stream == nullptr) return badHandle(entry, "stream", handle);
    if (!sound(count, attributes, indexes, attributeCount)) return INVALID_VALUE;
    if (stream->capture != nullptr) return STREAM_CAPTURE_UNSUPPORTED;
    Work work;
    work.kind = WorkKind::COPY;
    work.name = name;
    work.pieces.resize(count);
    size_t attribute = 0;
    bool waits = false;
    for (size_t i = 0; i < count; i++) {
      if (attribute + 1 < attributeCount && indexes[attribute + 1] == i) attribute++;
      Piece& piece = work.pieces[i];
      if (failed != nullptr) *failed = i;
      if (sizes[i] == 0) return INVALID_VALUE;
      if (int code = pieceOf(entry, name, targets[i], Role::EITHER, sources[i], Role::EITHER, sizes[i], piece)) return code;
      bool pageable = piece.targetBlock == nullptr || piece.sourceBlock == nullptr;
      if (pageable && !entry.machine.settings.pageableAsync) {
        entry.machine.violation(std::string(name) + ", copy " + std::to_string(i) + ", with memory that is not pinned: " +
                                entry.machine.whereIs(piece.targetBlock == nullptr ? piece.target : piece.source));
      }
      if (piece.sourceBlock == nullptr || attributes[attribute].sourceAccessOrder == 2) {
        if (int code = stage(entry, name, piece)) return code;
      }
      waits |= piece.targetBlock == nullptr;
      addUses(work, piece);
    }
    if (failed != nullptr) *failed = SIZE_MAX;
    return give(entry, stream, std::move(work), waits);
  });
}

} // namespace

EXPORTED int cuMemcpy(DevicePointer target, DevicePointer source, size_t bytes) {
  return copyCall("cuMemcpy", target, Role::EITHER, source, Role::EITHER, bytes, 0, false);
}
PROCEDURE(cuMemcpy, 4000, cuMemcpy)

EXPORTED int cuMemcpyAsync(DevicePointer target, DevicePointer source, size_t bytes, Handle stream) {
  return copyCall("cuMemcpyAsync", target, Role::EITHER, source, Role::EITHER, bytes, stream, true);
}
PROCEDURE(cuMemcpyAsync, 4000, cuMemcpyAsync)

EXPORTED int cuMemcpyHtoD_v2(DevicePointer target, const void* source, size_t bytes) {
  return copyCall("cuMemcpyHtoD", target, Role::DEVICE, address(source), Role::HOST, bytes, 0, false);
}
PROCEDURE(cuMemcpyHtoD, 3020, cuMemcpyHtoD_v2)

EXPORTED int cuMemcpyDtoH_v2(void* target, DevicePointer source, size_t bytes) {
  return copyCall("cuMemcpyDtoH", address(target), Role::HOST, source, Role::DEVICE, bytes, 0, false);
}
PROCEDURE(cuMemcpyDtoH, 3020, cuMemcpyDtoH_v2)

EXPORTED int cuMemcpyDtoD_v2(DevicePointer target, DevicePointer source, size_t bytes) {
  return copyCall("cuMemcpyDtoD", target, Role::DEVICE, source, Role::DEVICE, bytes, 0, false);
}
PROCEDURE(cuMemcpyDtoD, 3020, cuMemcpyDtoD_v2)

EXPORTED int cuMemcpyHtoDAsync_v2(DevicePointer target, const void* source, size_t bytes, Handle stream) {
  return copyCall("cuMemcpyHtoDAsync", target, Role::DEVICE, address(source), Role::HOST, bytes, stream, true);
}
PROCEDURE(cuMemcpyHtoDAsync, 3020, cuMemcpyHtoDAsync_v2)

EXPORTED int cuMemcpyDtoHAsync_v2(void* target, DevicePointer source, size_t bytes, Handle stream) {
  return copyCall("cuMemcpyDtoHAsync", address(target), Role::HOST, source, Role::DEVICE, bytes, stream, true);
}
PROCEDURE(cuMemcpyDtoHAsync, 3020, cuMemcpyDtoHAsync_v2)

EXPORTED int cuMemcpyDtoDAsync_v2(DevicePointer target, DevicePointer source, size_t bytes, Handle stream) {
  return copyCall("cuMemcpyDtoDAsync", target, Role::DEVICE, source, Role::DEVICE, bytes, stream, true);
}
PROCEDURE(cuMemcpyDtoDAsync, 3020, cuMemcpyDtoDAsync_v2)

EXPORTED int cuMemcpyPeerAsync(DevicePointer target, Handle, DevicePointer source, Handle, size_t bytes, Handle stream) {
  return copyCall("cuMemcpyPeerAsync", target, Role::DEVICE, source, Role::DEVICE, bytes, stream, true);
}
PROCEDURE(cuMemcpyPeerAsync, 4000, cuMemcpyPeerAsync)

EXPORTED int cuMemcpyBatchAsync(DevicePointer* targets, DevicePointer* sources, size_t* sizes, size_t count,
                                CopyAttributes* attributes, size_t* indexes, size_t attributeCount, size_t* failed, Handle stream) {
  return batch(targets, sources, sizes, count, attributes, indexes, attributeCount, failed, stream);
}
PROCEDURE(cuMemcpyBatchAsync, 12080, cuMemcpyBatchAsync)

EXPORTED int cuMemcpyBatchAsync_v2(DevicePointer* targets, DevicePointer* sources, size_t* sizes, size_t count,
                                   CopyAttributes* attributes, size_t* indexes, size_t attributeCount, Handle stream) {
  return batch(targets, sources, sizes, count, attributes, indexes, attributeCount, nullptr, stream);
}
PROCEDURE(cuMemcpyBatchAsync, 13000, cuMemcpyBatchAsync_v2)

EXPORTED int cuMemsetD8_v2(DevicePointer target, unsigned char value, size_t count) {
  return fill("cuMemsetD8", target, value, 1, count, 0, false);
}
PROCEDURE(cuMemsetD8, 3020, cuMemsetD8_v2)

EXPORTED int cuMemsetD16_v2(DevicePointer target, unsigned short value, size_t count) {
  return fill("cuMemsetD16", target, value, 2, count, 0, false);
}
PROCEDURE(cuMemsetD16, 3020, cuMemsetD16_v2)

EXPORTED int cuMemsetD32_v2(DevicePointer target, unsigned value, size_t count) {
  return fill("cuMemsetD32", target, value, 4, count, 0, false);
}
PROCEDURE(cuMemsetD32, 3020, cuMemsetD32_v2)

EXPORTED int cuMemsetD8Async(DevicePointer target, unsigned char value, size_t count, Handle stream) {
  return fill("cuMemsetD8Async", target, value, 1, count, stream, true);
}
PROCEDURE(cuMemsetD8Async, 3020, cuMemsetD8Async)

EXPORTED int cuMemsetD16Async(DevicePointer target, unsigned short value, size_t count, Handle stream) {
  return fill("cuMemsetD16Async", target, value, 2, count, stream, true);
}
PROCEDURE(cuMemsetD16Async, 3020, cuMemsetD16Async)

EXPORTED int cuMemsetD32Async(DevicePointer target, unsigned value, size_t count, Handle stream) {
  return fill("cuMemsetD32Async", target, value, 4, count, stream, true);
}
PROCEDURE(cuMemsetD32Async, 3020, cuMemsetD32Async)
