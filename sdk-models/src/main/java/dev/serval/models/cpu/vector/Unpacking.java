package dev.serval.models.cpu.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Turns a stretch of a panel into F32, column after column. Each type has loops of its own. */
abstract sealed class Unpacking
    permits BlockUnpacking,
        FormatUnpacking,
        OctetUnpacking,
        PairUnpacking,
        Unpacking.F32,
        Unpacking.F16 {
  /** The rows of a kernel that does not unpack, if there are more than one. */
  static final int KERNEL_ROWS = 4;

  /** Rows beyond the last that {@link #multiplyRows} may work on. */
  static final int SPARE_ROWS = KERNEL_ROWS - 1;

  static Unpacking of(PanelLayout layout) {
    return switch (layout.dtype()) {
      case F32 -> new F32();
      case F16 -> new F16();
      case BF16 -> new PairUnpacking();
      case Q8_0 -> new OctetUnpacking();
      case Q4_0 -> throw new IllegalArgumentException("Q4_0 is not unpacked");
      case Q2_K, Q3_K, IQ4_NL, IQ4_XS -> new FormatUnpacking(layout.dtype());
      case Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K -> BlockUnpacking.of(layout.dtype());
    };
  }

  /**
   * Unpacks.
   *
   * @param data the matrix
   * @param panel where the panel begins
   * @param firstColumn a multiple of 64
   * @param count how many columns; whole blocks of 32, if the type has blocks
   * @param own whose tile to write to
   * @param at where in the tile
   */
  abstract void unpack(
      MemorySegment data, long panel, int firstColumn, int count, LinearScratch own, int at);

  /** The most rows that are multiplied without unpacking, if any are. */
  int mostRows() {
    return 0;
  }

  /**
   * How many panels so many rows are multiplied with at a time. Each is a stream of its own, and a
   * processor fetches several of them ahead faster than one.
   */
  int together(int rows) {
    throw new UnsupportedOperationException();
  }

  /** How many panels more rows than one are multiplied with, so that sums stay in registers. */
  static int together() {
    return Lanes.BITS < 512 ? 1 : 2;
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
  void multiplyOne(
      MemorySegment data,
      long panel,
      long panelBytes,
      int panels,
      int columns,
      LinearScratch own,
      int sumAt) {
    throw new UnsupportedOperationException();
  }

  /** Multiplies {@link #KERNEL_ROWS} rows with a panel. */
  void multiplyFour(
      MemorySegment data, long panel, int columns, LinearScratch own, int x, int xStep, int sumAt) {
    throw new UnsupportedOperationException();
  }

  /** Multiplies {@link #KERNEL_ROWS} rows with two panels. */
  void multiplyFour(
      MemorySegment data,
      long p0,
      long p1,
      int columns,
      LinearScratch own,
      int x,
      int xStep,
      int sumAt) {
    throw new UnsupportedOperationException();
  }

  /** Elements as they are. */
  static final class F32 extends Unpacking {
    @Override
    void unpack(
        MemorySegment data, long panel, int firstColumn, int count, LinearScratch own, int at) {
      long from = panel + (long) firstColumn * Lanes.WIDTH * Float.BYTES;
      MemorySegment.copy(data, ValueLayout.JAVA_FLOAT, from, own.tile, at, count * Lanes.WIDTH);
    }
  }

  /** Elements as binary16. */
  static final class F16 extends Unpacking {
    @Override
    void unpack(
        MemorySegment data, long panel, int firstColumn, int count, LinearScratch own, int at) {
      long from = panel + (long) firstColumn * Lanes.WIDTH * Short.BYTES;
      widen(data, from, own.tile, at, count * Lanes.WIDTH);
    }

    private static void widen(MemorySegment data, long from, float[] tile, int at, int count) {
      for (int i = 0; i < count; i++) {
        tile[at + i] = Float.float16ToFloat(data.get(ValueLayout.JAVA_SHORT, from + 2L * i));
      }
    }
  }
}
