package dev.serval.gpu.compute;

import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import java.lang.foreign.MemorySegment;

/**
 * KV blocks on the device.
 *
 * @param owner the backend that made them
 * @param layout how a block is laid out
 * @param blocks how many there are
 * @param address where they begin
 */
record CudaKvMemory(CudaBackend owner, KvLayout layout, int blocks, long address)
    implements KvMemory {
  @Override
  public MemorySegment segment() {
    throw new UnsupportedOperationException(
        "the KV memory lies on " + owner.device().id() + ", where the host cannot reach");
  }
}
