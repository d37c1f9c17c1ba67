package dev.serval.testkit;

import dev.serval.api.gpu.MemoryKind;
import dev.serval.api.gpu.RegionSource;

/** A source that has no memory. */
enum NoMemory implements RegionSource {
  INSTANCE;

  @Override
  public MemoryKind kind() {
    return MemoryKind.PINNED;
  }

  @Override
  public long allocate(long bytes) {
    return 0;
  }

  @Override
  public void release(long address, long bytes) {
    throw new AssertionError("nothing was taken");
  }

  @Override
  public void close() {}
}
