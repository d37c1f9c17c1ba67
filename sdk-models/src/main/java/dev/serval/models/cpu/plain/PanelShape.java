package dev.serval.models.cpu.plain;

import dev.serval.api.compute.DType;
import dev.serval.models.cpu.block.EvenBlocks;
import dev.serval.models.cpu.block.StoredRows;

/**
 * How a matrix is cut into panels and laid out in them: {@code [panel][unit][lane]}, where a lane
 * is a row of the matrix and a unit is what of a row lies together: an F32, an F16, a pair of BF16,
 * or a pair of bytes of a block-wise type.
 *
 * @param firstRow where the matrix begins in the weight that it is a part of
 * @param rows the matrix's rows
 * @param columns the matrix's columns
 * @param width rows of a panel; the last one may have fewer
 * @param units units of a row
 * @param unitBytes the size of a unit
 */
record PanelShape(int firstRow, int rows, int columns, int width, int units, int unitBytes) {
  /** The most lanes of a panel: as many sums stay in the first-level cache with their weights. */
  static final int MAX_LANES = 512;

  private static final int LANE_STEP = 16;
  private static final int MIN_LANES = 64;
  private static final int SMALL = 1 << 16;

  static PanelShape of(StoredRows stored, int workers) {
    DType dtype = stored.dtype();
    int rows = stored.count();
    int columns = stored.columns();
    int unitBytes = dtype == DType.F32 || dtype == DType.BF16 ? Integer.BYTES : Short.BYTES;
    int units = Math.toIntExact(Math.ceilDiv(EvenBlocks.rowBytes(stored), unitBytes));
    int width = width(rows, columns, workers);
    return new PanelShape(stored.first(), rows, columns, width, units, unitBytes);
  }

  /** Panels of equal width, as many as can be shared out evenly, but none too narrow to be fast. */
  private static int width(int rows, int columns, int workers) {
    int panels = Math.ceilDiv(rows, MAX_LANES);
    if ((long) rows * columns >= SMALL) {
      panels = Math.ceilDiv(panels, workers) * workers;
    }
    int width = Math.max(Math.ceilDiv(rows, panels), MIN_LANES);
    return Math.min(Math.ceilDiv(width, LANE_STEP) * LANE_STEP, MAX_LANES);
  }

  int panels() {
    return Math.ceilDiv(rows, width);
  }

  int lanes(int panel) {
    return Math.min(width, rows - panel * width);
  }

  /** Where a panel begins, in bytes. */
  long at(int panel) {
    return (long) panel * width * units * unitBytes;
  }

  long bytes() {
    return (long) rows * units * unitBytes;
  }
}
