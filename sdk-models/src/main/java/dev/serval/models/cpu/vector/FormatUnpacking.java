package dev.serval.models.cpu.vector;

import dev.serval.api.compute.DType;
import dev.serval.models.cpu.block.BlockFormat;
import java.lang.foreign.MemorySegment;

/**
 * Block-wise types that are rarer: pairs of octets lie as in files, and lanes are read one by one.
 */
final class FormatUnpacking extends Unpacking {
  /** Columns that have their scales in common. */
  private static final int RUN = 16;

  private final BlockFormat format;

  FormatUnpacking(DType dtype) {
    format = BlockFormat.of(dtype);
  }

  @Override
  void unpack(
      MemorySegment data, long panel, int firstColumn, int count, LinearScratch own, int at) {
    float[] factors = own.scales.factors;
    float[] offsets = own.scales.offsets;
    for (int i = 0; i < count; i++) {
      int column = firstColumn + i;
      if (column % RUN == 0) {
        format.scales(data, panel, Lanes.WIDTH, column, factors, offsets);
      }
      int to = at + i * Lanes.WIDTH;
      format.expand(data, panel, Lanes.WIDTH, column, factors, offsets, own.tile, to);
    }
  }
}
