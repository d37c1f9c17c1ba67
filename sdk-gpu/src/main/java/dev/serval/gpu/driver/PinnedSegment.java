package dev.serval.gpu.driver;

import java.lang.foreign.MemorySegment;

/**
 * Memory of the host that a device reads and writes by itself as long as this is open. Whoever
 * closes it sees to it that no copy is under way.
 */
public final class PinnedSegment extends Handle {
  private final MemorySegment segment;

  PinnedSegment(Context context, MemorySegment segment) {
    super(context, segment.address());
    this.segment = segment;
  }

  /**
   * The memory.
   *
   * @return the owner's own segment
   */
  public MemorySegment segment() {
    return segment;
  }

  @Override
  void release(long released) {
    context().release(EntryPoint.HOST_UNREGISTER, released);
  }
}
