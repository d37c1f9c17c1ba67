package dev.serval.models.cpu.vector;

import dev.serval.api.compute.DType;
import dev.serval.models.cpu.block.StoredRows;
import dev.serval.models.cpu.crew.WorkCrew;
import dev.serval.models.cpu.linear.RoundedGroup;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * How Q4_0 lies in panels, block after block: for each pair of columns an octet a lane, the lower
 * column in the lower half; behind them a binary16 a lane. Octets of the panel's first and second
 * half of rows take turns, so that the halves of a 32-bit lane belong to one of each; scales do
 * not. The last panel is filled up with rows of zeros. A kernel reads all of it in the order in
 * which it lies, without a gap, which is what a processor fetches ahead best.
 *
 * @param firstRow where the matrix begins in the weight that it is a part of
 * @param rows the matrix's rows
 * @param columns the matrix's columns
 */
record NibbleLayout(int firstRow, int rows, int columns) {
  /** Columns of a block. */
  static final int BLOCK = RoundedGroup.COLUMNS;

  private static final int W = Lanes.WIDTH;

  /** The size of a panel's block. */
  static final int BLOCK_BYTES = DType.Q4_0.blockBytes() * W;

  /** Where the scales are in it. */
  static final int SCALES = BLOCK / 2 * W;

  static NibbleLayout of(StoredRows rows) {
    return new NibbleLayout(rows.first(), rows.count(), rows.columns());
  }

  int panels() {
    return Math.ceilDiv(rows, W);
  }

  int blocks() {
    return columns / BLOCK;
  }

  /** Where a panel begins, in bytes. */
  long at(int panel) {
    return (long) panel * blocks() * BLOCK_BYTES;
  }

  long bytes() {
    return at(panels());
  }

  /** Which octet of a pair of columns is a lane's. */
  static int octet(int lane) {
    return lane < Lanes.COUNT ? 2 * lane : 2 * (lane - Lanes.COUNT) + 1;
  }

  /** Rearranges a matrix from rows to panels; a part is a panel. Runs once for each weight. */
  record Packing(StoredRows stored, NibbleLayout layout, MemorySegment data)
      implements WorkCrew.Work {
    @Override
    public int parts() {
      return layout.panels();
    }

    @Override
    public long operations() {
      return (long) layout.rows * layout.columns;
    }

    @Override
    public void part(int panel, int worker) {
      int lanes = Math.min(W, layout.rows - panel * W);
      for (int lane = 0; lane < lanes; lane++) {
        lane(stored.row(panel * W + lane), panel, lane);
      }
    }

    private void lane(MemorySegment row, int panel, int lane) {
      for (int block = 0; block < layout.blocks(); block++) {
        long from = (long) block * DType.Q4_0.blockBytes();
        long to = layout.at(panel) + (long) block * BLOCK_BYTES;
        BlockOctets.packHalf(row, from, data, to + SCALES, lane);
        for (int pair = 0; pair < BLOCK / 2; pair++) {
          byte both = BlockOctets.BEHIND_SCALE.pair(row, from, pair);
          data.set(ValueLayout.JAVA_BYTE, to + octet(lane) + (long) pair * W, both);
        }
      }
    }
  }
}
