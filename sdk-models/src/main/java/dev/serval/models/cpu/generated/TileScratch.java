package dev.serval.models.cpu.generated;

import dev.serval.api.device.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Where a worker puts a tile's sums that do not go to the output at once. */
final class TileScratch {
  private static final int ALIGNMENT = 64;

  private final MemorySegment tile;
  private final float[] sums;

  /**
   * Room for a tile.
   *
   * @param owner who has the memory
   * @param rows the most rows of a tile
   * @param lanes the most matrix rows of a tile
   */
  TileScratch(NativeMemory owner, int rows, int lanes) {
    tile = owner.allocate((long) rows * lanes * Float.BYTES, ALIGNMENT);
    sums = new float[lanes];
  }

  long address() {
    return tile.address();
  }

  /** Some sums; valid until asked again. */
  float[] sums(int from, int count) {
    MemorySegment.copy(tile, ValueLayout.JAVA_FLOAT, 4L * from, sums, 0, count);
    return sums;
  }
}
