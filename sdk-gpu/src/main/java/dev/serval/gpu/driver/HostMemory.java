package dev.serval.gpu.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Memory of the host that a device reads and writes by itself. Whoever closes it sees to it that no
 * copy is under way; from then on its segment is dead.
 */
public final class HostMemory extends Handle {
  private final Arena arena = Arena.ofShared();
  private final MemorySegment segment;

  HostMemory(Context context, long address, long bytes) {
    super(context, address);
    this.segment = MemorySegment.ofAddress(address).reinterpret(bytes, arena, null);
  }

  /**
   * The memory, for any thread.
   *
   * @return alive until this is closed
   */
  public MemorySegment segment() {
    return segment;
  }

  @Override
  void release(long released) {
    arena.close();
    context().release(EntryPoint.HOST_FREE, released);
  }
}
