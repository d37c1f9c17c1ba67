package dev.serval.models.cpu.vector;

import dev.serval.models.cpu.linear.LinearWork;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** What one worker needs to multiply: inputs and weights of a stretch of columns, and sums. */
final class LinearScratch {
  /** The most columns of a stretch that is unpacked. */
  static final int STRETCH = 256;

  /**
   * The most rows of a part that unpacks: inputs and sums fill the second-level cache, not more.
   */
  static final int ROWS = 22 * TileProducts.MOST_ROWS;

  /** The most columns of a stretch that is not unpacked. */
  static final int PACKED_STRETCH = 2 * STRETCH;

  /** The most rows of a part that does not unpack, in as much of the cache. */
  static final int PACKED_ROWS = ROWS / 2;

  /** The most panels of a part. */
  static final int PANELS = 16;

  /** Floats from one row of sums to the next: kernels may work on a few panels too many. */
  static final int SUM_STEP = (PANELS + TileProducts.MOST_PANELS - 1) * Lanes.WIDTH;

  private static final int INPUTS = 1 << 17;
  private static final int LINE = 64;
  private static final int LINES_AT_ONCE = 4;

  /** The most that is fetched: more might not stay in the second-level cache. */
  private static final long MOST_FETCHED = 1 << 19;

  final float[] inputs = new float[INPUTS];
  final float[] sums = new float[(ROWS + TileProducts.SPARE_ROWS) * SUM_STEP];

  /** Weights as F32: for each panel in turn, for each column its lanes. */
  final float[] tile = new float[(STRETCH + 4) * Lanes.WIDTH];

  final RunScales scales = new RunScales();

  @SuppressWarnings("UnusedVariable") // so that a compiler cannot leave out what was fetched
  private long fetched;

  void clearSums(int rows) {
    Arrays.fill(sums, 0, (rows + TileProducts.SPARE_ROWS) * SUM_STEP, 0);
  }

  /** Floats from one row of inputs to the next, with room for a zero behind it. */
  static int step(int columns) {
    return Math.ceilDiv(columns, 16) * 16 + 16;
  }

  /** Whether so many columns of so many rows, and of the spare ones, can be held. */
  static boolean holds(int rows, int columns) {
    return (long) (rows + PackedProducts.SPARE_ROWS) * step(columns) <= INPUTS;
  }

  /** Reads a stretch of some rows, and a zero behind each. */
  void readInputs(LinearWork product, int from, int to, int firstColumn, int count, int step) {
    for (int row = from; row < to; row++) {
      int at = (row - from) * step;
      copy(product, row, firstColumn, count, at);
      inputs[at + count] = 0;
    }
  }

  private void copy(LinearWork product, int row, int firstColumn, int count, int at) {
    long from = (product.source(row) + firstColumn) * Float.BYTES;
    MemorySegment.copy(product.in().data(), ValueLayout.JAVA_FLOAT, from, inputs, at, count);
  }

  /**
   * Reads memory, a number of each line, so that it is in the second-level cache. Java cannot ask
   * for memory ahead of its use, and a kernel with many multiplications for each byte looks so
   * little ahead that it waits for most lines; reads that nothing else delays wait together.
   */
  void fetch(MemorySegment data, long from, long bytes) {
    long a = 0;
    long b = 0;
    long c = 0;
    long d = 0;
    int steps = (int) (Math.min(bytes, MOST_FETCHED) / (LINES_AT_ONCE * LINE));
    for (int i = 0; i < steps; i++) {
      long at = from + (long) i * (LINES_AT_ONCE * LINE);
      a |= data.get(ValueLayout.JAVA_LONG_UNALIGNED, at);
      b |= data.get(ValueLayout.JAVA_LONG_UNALIGNED, at + LINE);
      c |= data.get(ValueLayout.JAVA_LONG_UNALIGNED, at + 2 * LINE);
      d |= data.get(ValueLayout.JAVA_LONG_UNALIGNED, at + 3 * LINE);
    }
    fetched = a | b | c | d;
  }

  /** Adds the products of the unpacked panels, of so many columns, for so many rows. */
  void addTile(int sumAt, int rows, int count) {
    TileProducts.add(tile, 0, inputs, TileProducts.STEP, count, sums, sumAt, SUM_STEP, rows, 1);
  }
}
