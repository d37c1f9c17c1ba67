package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.block.StoredRows;
import dev.serval.models.cpu.crew.WorkCrew;
import java.lang.foreign.MemorySegment;

/** Rearranges a matrix from rows to blocks; a part is a block. Runs once for each weight. */
final class BlockPacking implements WorkCrew.Work {
  private final StoredRows rows;
  private final BlockLayout layout;
  private final MemorySegment data;

  BlockPacking(StoredRows rows, BlockLayout layout, MemorySegment data) {
    this.rows = rows;
    this.layout = layout;
    this.data = data;
  }

  @Override
  public int parts() {
    return Math.ceilDiv(rows.count(), layout.lanes());
  }

  @Override
  public long operations() {
    return (long) rows.count() * rows.columns();
  }

  @Override
  public void part(int block, int worker) {
    int first = block * layout.lanes();
    int count = Math.min(layout.lanes(), rows.count() - first);
    MemorySegment[] lanes = new MemorySegment[layout.lanes()];
    for (int lane = 0; lane < count; lane++) {
      lanes[lane] = rows.row(first + lane);
    }
    layout.pack(lanes, count, data, block * layout.blockBytes());
  }
}
