package dev.serval.gpu.transfer;

import java.lang.foreign.MemorySegment;

/**
 * A slab of pinned memory, and perhaps of the device's, the piece that goes through it, and where
 * the device has come with it.
 */
final class Slab {
  private final long address;
  private final long onDevice;
  private final MemorySegment memory;
  private final CopyStream.Mark mark;
  private final Piece piece = new Piece();

  /** Where bytes go that the device brings to the slab; null when it takes them from there. */
  private boolean fetching;

  /**
   * A slab.
   *
   * @param address of the pinned memory
   * @param onDevice where there is as much on the device, to which a drive may write; 0 for nowhere
   */
  Slab(long address, long onDevice, long bytes, CopyStream.Mark mark) {
    this.address = address;
    this.onDevice = onDevice;
    this.memory = MemorySegment.ofAddress(address).reinterpret(bytes);
    this.mark = mark;
  }

  long address() {
    return address;
  }

  long onDevice() {
    return onDevice;
  }

  MemorySegment memory() {
    return memory;
  }

  CopyStream.Mark mark() {
    return mark;
  }

  Piece piece() {
    return piece;
  }

  boolean fetching() {
    return fetching;
  }

  void fetching(boolean yes) {
    fetching = yes;
  }
}
