package dev.serval.models.cpu.vector;

import java.lang.foreign.MemorySegment;

/** Types that are multiplied without unpacking, too, if rows are not too many. */
abstract sealed class PackedProducts extends Unpacking permits OctetUnpacking, PairUnpacking {
  /** The rows of a kernel that does not unpack, if there are more than one. */
  static final int KERNEL_ROWS = 4;

  /** Rows beyond the last that {@link #multiplyRows} may work on. */
  static final int SPARE_ROWS = KERNEL_ROWS - 1;

  /** The most rows that are multiplied without unpacking. */
  abstract int mostRows();

  /**
   * How many panels so many rows are multiplied with at a time. Each is a stream of its own, and a
   * processor fetches several of them ahead faster than one.
   */
  abstract int together(int rows);

  /** How many panels more rows than one are multiplied with, so that sums stay in registers. */
  static int together() {
    return Lanes.MANY_REGISTERS ? 2 : 1;
  }

  /**
   * Adds the products of rows with panels, in registers. To be called for {@link #mostRows} at
   * most.
   *
   * @param data the matrix
   * @param panel where the first panel's columns begin
   * @param panelBytes from one panel to the next
   * @param panels how many there are, at most {@link #together(int)}
   * @param columns how many columns
   * @param own whose inputs to use, with a zero behind those of each row, and whose sums to add to;
   *     up to {@link #SPARE_ROWS} more rows and, of a row, up to three more panels may be worked on
   * @param step from one row of inputs to the next
   * @param sumAt where the sums of the first row begin
   * @param rows how many rows there are
   */
  final void multiplyRows(
      MemorySegment data,
      long panel,
      long panelBytes,
      int panels,
      int columns,
      LinearScratch own,
      int step,
      int sumAt,
      int rows) {
    if (rows == 1) {
      multiplyOne(data, panel, panelBytes, panels, columns, own, sumAt);
      return;
    }
    for (int row = 0; row < rows; row += KERNEL_ROWS) {
      int at = sumAt + row * LinearScratch.SUM_STEP;
      if (panels == 2) {
        multiplyFour(data, panel, panel + panelBytes, columns, own, row * step, step, at);
      } else {
        multiplyFour(data, panel, columns, own, row * step, step, at);
      }
    }
  }

  /** Multiplies one row with as many panels as are multiplied together, at most. */
  abstract void multiplyOne(
      MemorySegment data,
      long panel,
      long panelBytes,
      int panels,
      int columns,
      LinearScratch own,
      int sumAt);

  /** Multiplies {@link #KERNEL_ROWS} rows with a panel. */
  abstract void multiplyFour(
      MemorySegment data, long panel, int columns, LinearScratch own, int x, int xStep, int sumAt);

  /** Multiplies {@link #KERNEL_ROWS} rows with two panels. */
  abstract void multiplyFour(
      MemorySegment data,
      long p0,
      long p1,
      int columns,
      LinearScratch own,
      int x,
      int xStep,
      int sumAt);
}
