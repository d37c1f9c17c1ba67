package dev.serval.models.cpu.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/** Turns a stretch of a panel into F32, column after column. Each type has loops of its own. */
abstract sealed class Unpacking
    permits BlockUnpacking, ScaledUnpacking, Unpacking.F32, Unpacking.F16, Unpacking.Bf16 {
  static Unpacking of(PanelLayout layout) {
    return switch (layout.dtype()) {
      case F32 -> new F32();
      case F16 -> new F16();
      case BF16 -> new Bf16();
      case Q8_0, Q4_0 -> ScaledUnpacking.of(layout);
      default -> BlockUnpacking.of(layout.dtype());
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

  /** Whether one row can be multiplied without unpacking. */
  boolean multipliesRows() {
    return false;
  }

  /**
   * Multiplies one row with two panels, in registers. To be called if {@link #multipliesRows}.
   *
   * @param data the matrix
   * @param panel where the one panel begins
   * @param next where the other begins
   * @param columns the matrix's columns
   * @param own whose inputs to use, and whose sums to set
   * @param sumAt where the sums of the first panel begin
   */
  void multiplyRow(
      MemorySegment data, long panel, long next, int columns, LinearScratch own, int sumAt) {
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

  /** Pairs of BF16, the lower column in the lower half of an int. */
  static final class Bf16 extends Unpacking {
    @Override
    void unpack(
        MemorySegment data, long panel, int firstColumn, int count, LinearScratch own, int at) {
      long from = panel + (long) (firstColumn / 2) * Lanes.WIDTH * Integer.BYTES;
      widen(data, from, own.tile, at, Math.ceilDiv(count, 2));
    }

    private static void widen(MemorySegment data, long from, float[] tile, int at, int pairs) {
      for (int pair = 0; pair < pairs; pair++) {
        long word = from + (long) pair * Lanes.WIDTH * Integer.BYTES;
        int lower = at + 2 * pair * Lanes.WIDTH;
        IntVector left = Lanes.ints(data, word);
        IntVector right = Lanes.ints(data, word + Lanes.COUNT * 4L);
        Lanes.lower(left).intoArray(tile, lower);
        Lanes.lower(right).intoArray(tile, lower + Lanes.COUNT);
        Lanes.upper(left).intoArray(tile, lower + Lanes.WIDTH);
        Lanes.upper(right).intoArray(tile, lower + Lanes.WIDTH + Lanes.COUNT);
      }
    }

    @Override
    boolean multipliesRows() {
      return true;
    }

    @Override
    void multiplyRow(
        MemorySegment data, long panel, long next, int columns, LinearScratch own, int sumAt) {
      own.inputs[columns] = 0;
      row(data, panel, next, Math.ceilDiv(columns, 2), own.inputs, own.sums, sumAt);
    }

    private static void row(
        MemorySegment data, long p, long n, int pairs, float[] x, float[] sums, int sumAt) {
      FloatVector a = Lanes.all(0);
      FloatVector b = a;
      FloatVector c = a;
      FloatVector d = a;
      for (int pair = 0; pair < pairs; pair++) {
        long at = (long) pair * Lanes.WIDTH * Integer.BYTES;
        FloatVector v = Lanes.all(x[2 * pair]);
        FloatVector w = Lanes.all(x[2 * pair + 1]);
        IntVector q = Lanes.ints(data, p + at);
        a = Lanes.lower(q).fma(v, a);
        a = Lanes.upper(q).fma(w, a);
        q = Lanes.ints(data, p + at + Lanes.COUNT * 4L);
        b = Lanes.lower(q).fma(v, b);
        b = Lanes.upper(q).fma(w, b);
        q = Lanes.ints(data, n + at);
        c = Lanes.lower(q).fma(v, c);
        c = Lanes.upper(q).fma(w, c);
        q = Lanes.ints(data, n + at + Lanes.COUNT * 4L);
        d = Lanes.lower(q).fma(v, d);
        d = Lanes.upper(q).fma(w, d);
      }
      a.intoArray(sums, sumAt);
      b.intoArray(sums, sumAt + Lanes.COUNT);
      c.intoArray(sums, sumAt + Lanes.WIDTH);
      d.intoArray(sums, sumAt + Lanes.WIDTH + Lanes.COUNT);
    }
  }
}
