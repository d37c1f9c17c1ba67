package dev.serval.api.storage;

import java.lang.foreign.MemorySegment;

/**
 * Bytes of a tensor that lie in memory.
 *
 * @param bytes the bytes
 */
record BytesInMemory(MemorySegment bytes) implements TensorSource {
  @Override
  public long size() {
    return bytes.byteSize();
  }

  @Override
  public TensorSource slice(long from, long length) {
    return new BytesInMemory(bytes.asSlice(from, length));
  }
}
