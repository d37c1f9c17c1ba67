package dev.serval.models.cpu.vector;

import dev.serval.api.compute.DType;
import dev.serval.models.cpu.block.CodedBlocks;
import dev.serval.models.cpu.block.StoredRows;

/**
 * How a matrix lies in panels: {@code [panel][unit][lane]}, where a lane is a row of the matrix and
 * a unit is what of a row lies together: an F32, an F16, a pair of BF16, an octet of a block, or a
 * pair of them. The last panel is filled up with rows of zeros.
 *
 * @param firstRow where the matrix begins in the weight that it is a part of
 * @param rows the matrix's rows
 * @param columns the matrix's columns
 * @param dtype the type of its elements
 * @param units units of a row
 * @param unitBytes the size of a unit
 */
record PanelLayout(int firstRow, int rows, int columns, DType dtype, int units, int unitBytes) {

  static PanelLayout of(StoredRows rows) {
    DType dtype = rows.dtype();
    int unitBytes =
        switch (dtype) {
          case F32, BF16 -> Integer.BYTES;
          case F16, Q2_K, Q3_K, IQ4_NL, IQ4_XS -> Short.BYTES;
          default -> CodedBlocks.covers(dtype) ? Short.BYTES : Byte.BYTES;
        };
    int units = Math.toIntExact(Math.ceilDiv(rows.rowBytes(), unitBytes));
    return new PanelLayout(rows.first(), rows.count(), rows.columns(), dtype, units, unitBytes);
  }

  int panels() {
    return Math.ceilDiv(rows, Lanes.WIDTH);
  }

  /** Where a panel begins, in bytes. */
  long at(int panel) {
    return panel * panelBytes();
  }

  /** Where a panel's column begins: an even one, and the first of a block. */
  long at(int panel, int column) {
    return at(panel) + Lanes.WIDTH * CodedBlocks.bytes(dtype, column);
  }

  long panelBytes() {
    return (long) Lanes.WIDTH * units * unitBytes;
  }

  long bytes() {
    return at(panels());
  }

  /** How many of a panel's lanes are rows of the matrix. */
  int lanes(int panel) {
    return Math.min(Lanes.WIDTH, rows - panel * Lanes.WIDTH);
  }
}
