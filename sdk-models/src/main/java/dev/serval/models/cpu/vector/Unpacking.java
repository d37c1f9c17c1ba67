package dev.serval.models.cpu.vector;

import static jdk.incubator.vector.VectorOperators.LSHL;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

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
    private static final VectorSpecies<Integer> I = Lanes.INTS;
    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final ByteOrder LE = Lanes.ORDER;
    private static final int UPPER = 0xFFFF0000;

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
        IntVector left = IntVector.fromMemorySegment(I, data, word, LE);
        IntVector right = IntVector.fromMemorySegment(I, data, word + Lanes.COUNT * 4L, LE);
        left.lanewise(LSHL, Short.SIZE).reinterpretAsFloats().intoArray(tile, lower);
        right.lanewise(LSHL, Short.SIZE).reinterpretAsFloats().intoArray(tile, lower + Lanes.COUNT);
        left.and(UPPER).reinterpretAsFloats().intoArray(tile, lower + Lanes.WIDTH);
        right.and(UPPER).reinterpretAsFloats().intoArray(tile, lower + Lanes.WIDTH + Lanes.COUNT);
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
      FloatVector a = FloatVector.broadcast(F, 0);
      FloatVector b = a;
      FloatVector c = a;
      FloatVector d = a;
      for (int pair = 0; pair < pairs; pair++) {
        long at = (long) pair * Lanes.WIDTH * Integer.BYTES;
        FloatVector v = FloatVector.broadcast(F, x[2 * pair]);
        FloatVector w = FloatVector.broadcast(F, x[2 * pair + 1]);
        IntVector q = IntVector.fromMemorySegment(I, data, p + at, LE);
        a = q.lanewise(LSHL, Short.SIZE).reinterpretAsFloats().fma(v, a);
        a = q.and(UPPER).reinterpretAsFloats().fma(w, a);
        q = IntVector.fromMemorySegment(I, data, p + at + Lanes.COUNT * 4L, LE);
        b = q.lanewise(LSHL, Short.SIZE).reinterpretAsFloats().fma(v, b);
        b = q.and(UPPER).reinterpretAsFloats().fma(w, b);
        q = IntVector.fromMemorySegment(I, data, n + at, LE);
        c = q.lanewise(LSHL, Short.SIZE).reinterpretAsFloats().fma(v, c);
        c = q.and(UPPER).reinterpretAsFloats().fma(w, c);
        q = IntVector.fromMemorySegment(I, data, n + at + Lanes.COUNT * 4L, LE);
        d = q.lanewise(LSHL, Short.SIZE).reinterpretAsFloats().fma(v, d);
        d = q.and(UPPER).reinterpretAsFloats().fma(w, d);
      }
      a.intoArray(sums, sumAt);
      b.intoArray(sums, sumAt + Lanes.COUNT);
      c.intoArray(sums, sumAt + Lanes.WIDTH);
      d.intoArray(sums, sumAt + Lanes.WIDTH + Lanes.COUNT);
    }
  }
}
