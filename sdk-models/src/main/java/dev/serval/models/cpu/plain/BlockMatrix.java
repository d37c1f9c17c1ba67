package dev.serval.models.cpu.plain;

import dev.serval.api.compute.DType;
import dev.serval.models.cpu.block.BlockFormat;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** Elements in blocks with common scales; a unit is a pair of a block's bytes. */
final class BlockMatrix extends PlainMatrix {
  private final DType dtype;
  private final BlockFormat format;

  BlockMatrix(DType dtype, PanelShape shape, MemorySegment data, List<PanelScratch> scratch) {
    super(shape, data, scratch);
    this.dtype = dtype;
    format = BlockFormat.of(dtype);
  }

  @Override
  public DType dtype() {
    return dtype;
  }

  @Override
  void widen(long at, int lanes, int firstColumn, int count, PanelScratch tile) {
    float[] factors = tile.factors();
    float[] offsets = tile.offsets();
    format.scales(data(), at, lanes, firstColumn, factors, offsets);
    for (int i = 0; i < count; i++) {
      format.expand(data(), at, lanes, firstColumn + i, factors, offsets, tile.column(i), 0);
    }
  }

  @Override
  float element(long at, int lanes, int lane, int column) {
    return format.element(data(), at, lanes, lane, column);
  }
}
