package dev.serval.models.cpu.vector;

import static dev.serval.models.cpu.vector.Lanes.FLOAT_VECTOR;
import static jdk.incubator.vector.VectorOperators.LSHL;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/** Pairs of BF16, the lower column in the lower half of an int. */
final class PairUnpacking extends Unpacking {
  private static final VectorSpecies<Integer> I = Lanes.INTS;
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final ByteOrder LE = Lanes.ORDER;
  private static final int UPPER = 0xFFFF0000;
  private static final int L = Lanes.COUNT;
  private static final int SUMS = LinearScratch.SUM_STEP;

  /** The bytes of a panel's pair of columns. */
  private static final int PAIR_BYTES = Lanes.WIDTH * Integer.BYTES;

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
  void multiply(
      MemorySegment data,
      long panel,
      int columns,
      LinearScratch own,
      int firstRow,
      int sumAt,
      int rows) {
    int pairs = Math.ceilDiv(columns, 2);
    int step = own.rowStep(columns);
    int x = firstRow * step;
    if (rows == 1) {
      one(data, panel, pairs, own.inputs, x, own.sums, sumAt);
    } else if (rows <= 4) {
      four(data, panel, pairs, own.inputs, x, step, own.sums, sumAt);
    } else {
      eight(data, panel, pairs, own.inputs, x, step, own.sums, sumAt);
    }
  }

  /** One row. */
  private static void one(
      MemorySegment data, long panel, int pairs, float[] x, int x0, float[] sums, int sumAt) {
    FloatVector a0 = FloatVector.zero(F);
    FloatVector b0 = a0;
    for (int i = 0; i < pairs; i++) {
      long at = panel + (long) i * PAIR_BYTES;
      IntVector q = IntVector.fromMemorySegment(I, data, at, LE);
      IntVector p = IntVector.fromMemorySegment(I, data, at + PAIR_BYTES / 2, LE);
      FloatVector s = q.lanewise(LSHL, Short.SIZE).reinterpretAsFloats();
      FloatVector t = p.lanewise(LSHL, Short.SIZE).reinterpretAsFloats();
      FloatVector v = FloatVector.broadcast(F, x[x0 + 2 * i]);
      a0 = s.fma(v, a0);
      b0 = t.fma(v, b0);
      s = q.and(UPPER).reinterpretAsFloats();
      t = p.and(UPPER).reinterpretAsFloats();
      v = FloatVector.broadcast(F, x[x0 + 2 * i + 1]);
      a0 = s.fma(v, a0);
      b0 = t.fma(v, b0);
    }
    FLOAT_VECTOR.cast(a0).intoArray(sums, sumAt);
    FLOAT_VECTOR.cast(b0).intoArray(sums, sumAt + L);
  }

  /** Four rows. */
  private static void four(
      MemorySegment data,
      long panel,
      int pairs,
      float[] x,
      int x0,
      int xStep,
      float[] sums,
      int sumAt) {
    int x1 = x0 + xStep;
    int x2 = x1 + xStep;
    int x3 = x2 + xStep;
    FloatVector a0 = FloatVector.zero(F);
    FloatVector b0 = a0;
    FloatVector a1 = FloatVector.zero(F);
    FloatVector b1 = a1;
    FloatVector a2 = FloatVector.zero(F);
    FloatVector b2 = a2;
    FloatVector a3 = FloatVector.zero(F);
    FloatVector b3 = a3;
    for (int i = 0; i < pairs; i++) {
      long at = panel + (long) i * PAIR_BYTES;
      IntVector q = IntVector.fromMemorySegment(I, data, at, LE);
      IntVector p = IntVector.fromMemorySegment(I, data, at + PAIR_BYTES / 2, LE);
      FloatVector s = q.lanewise(LSHL, Short.SIZE).reinterpretAsFloats();
      FloatVector t = p.lanewise(LSHL, Short.SIZE).reinterpretAsFloats();
      FloatVector v;
      v = FloatVector.broadcast(F, x[x0 + 2 * i]);
      a0 = s.fma(v, a0);
      b0 = t.fma(v, b0);
      v = FloatVector.broadcast(F, x[x1 + 2 * i]);
      a1 = s.fma(v, a1);
      b1 = t.fma(v, b1);
      v = FloatVector.broadcast(F, x[x2 + 2 * i]);
      a2 = s.fma(v, a2);
      b2 = t.fma(v, b2);
      v = FloatVector.broadcast(F, x[x3 + 2 * i]);
      a3 = s.fma(v, a3);
      b3 = t.fma(v, b3);
      s = q.and(UPPER).reinterpretAsFloats();
      t = p.and(UPPER).reinterpretAsFloats();
      v = FloatVector.broadcast(F, x[x0 + 2 * i + 1]);
      a0 = s.fma(v, a0);
      b0 = t.fma(v, b0);
      v = FloatVector.broadcast(F, x[x1 + 2 * i + 1]);
      a1 = s.fma(v, a1);
      b1 = t.fma(v, b1);
      v = FloatVector.broadcast(F, x[x2 + 2 * i + 1]);
      a2 = s.fma(v, a2);
      b2 = t.fma(v, b2);
      v = FloatVector.broadcast(F, x[x3 + 2 * i + 1]);
      a3 = s.fma(v, a3);
      b3 = t.fma(v, b3);
    }
    FLOAT_VECTOR.cast(a0).intoArray(sums, sumAt);
    FLOAT_VECTOR.cast(b0).intoArray(sums, sumAt + L);
    FLOAT_VECTOR.cast(a1).intoArray(sums, sumAt + SUMS);
    FLOAT_VECTOR.cast(b1).intoArray(sums, sumAt + SUMS + L);
    FLOAT_VECTOR.cast(a2).intoArray(sums, sumAt + 2 * SUMS);
    FLOAT_VECTOR.cast(b2).intoArray(sums, sumAt + 2 * SUMS + L);
    FLOAT_VECTOR.cast(a3).intoArray(sums, sumAt + 3 * SUMS);
    FLOAT_VECTOR.cast(b3).intoArray(sums, sumAt + 3 * SUMS + L);
  }

  /** Eight rows. */
  private static void eight(
      MemorySegment data,
      long panel,
      int pairs,
      float[] x,
      int x0,
      int xStep,
      float[] sums,
      int sumAt) {
    int x1 = x0 + xStep;
    int x2 = x1 + xStep;
    int x3 = x2 + xStep;
    int x4 = x3 + xStep;
    int x5 = x4 + xStep;
    int x6 = x5 + xStep;
    int x7 = x6 + xStep;
    FloatVector a0 = FloatVector.zero(F);
    FloatVector b0 = a0;
    FloatVector a1 = FloatVector.zero(F);
    FloatVector b1 = a1;
    FloatVector a2 = FloatVector.zero(F);
    FloatVector b2 = a2;
    FloatVector a3 = FloatVector.zero(F);
    FloatVector b3 = a3;
    FloatVector a4 = FloatVector.zero(F);
    FloatVector b4 = a4;
    FloatVector a5 = FloatVector.zero(F);
    FloatVector b5 = a5;
    FloatVector a6 = FloatVector.zero(F);
    FloatVector b6 = a6;
    FloatVector a7 = FloatVector.zero(F);
    FloatVector b7 = a7;
    for (int i = 0; i < pairs; i++) {
      long at = panel + (long) i * PAIR_BYTES;
      IntVector q = IntVector.fromMemorySegment(I, data, at, LE);
      IntVector p = IntVector.fromMemorySegment(I, data, at + PAIR_BYTES / 2, LE);
      FloatVector s = q.lanewise(LSHL, Short.SIZE).reinterpretAsFloats();
      FloatVector t = p.lanewise(LSHL, Short.SIZE).reinterpretAsFloats();
      FloatVector v;
      v = FloatVector.broadcast(F, x[x0 + 2 * i]);
      a0 = s.fma(v, a0);
      b0 = t.fma(v, b0);
      v = FloatVector.broadcast(F, x[x1 + 2 * i]);
      a1 = s.fma(v, a1);
      b1 = t.fma(v, b1);
      v = FloatVector.broadcast(F, x[x2 + 2 * i]);
      a2 = s.fma(v, a2);
      b2 = t.fma(v, b2);
      v = FloatVector.broadcast(F, x[x3 + 2 * i]);
      a3 = s.fma(v, a3);
      b3 = t.fma(v, b3);
      v = FloatVector.broadcast(F, x[x4 + 2 * i]);
      a4 = s.fma(v, a4);
      b4 = t.fma(v, b4);
      v = FloatVector.broadcast(F, x[x5 + 2 * i]);
      a5 = s.fma(v, a5);
      b5 = t.fma(v, b5);
      v = FloatVector.broadcast(F, x[x6 + 2 * i]);
      a6 = s.fma(v, a6);
      b6 = t.fma(v, b6);
      v = FloatVector.broadcast(F, x[x7 + 2 * i]);
      a7 = s.fma(v, a7);
      b7 = t.fma(v, b7);
      s = q.and(UPPER).reinterpretAsFloats();
      t = p.and(UPPER).reinterpretAsFloats();
      v = FloatVector.broadcast(F, x[x0 + 2 * i + 1]);
      a0 = s.fma(v, a0);
      b0 = t.fma(v, b0);
      v = FloatVector.broadcast(F, x[x1 + 2 * i + 1]);
      a1 = s.fma(v, a1);
      b1 = t.fma(v, b1);
      v = FloatVector.broadcast(F, x[x2 + 2 * i + 1]);
      a2 = s.fma(v, a2);
      b2 = t.fma(v, b2);
      v = FloatVector.broadcast(F, x[x3 + 2 * i + 1]);
      a3 = s.fma(v, a3);
      b3 = t.fma(v, b3);
      v = FloatVector.broadcast(F, x[x4 + 2 * i + 1]);
      a4 = s.fma(v, a4);
      b4 = t.fma(v, b4);
      v = FloatVector.broadcast(F, x[x5 + 2 * i + 1]);
      a5 = s.fma(v, a5);
      b5 = t.fma(v, b5);
      v = FloatVector.broadcast(F, x[x6 + 2 * i + 1]);
      a6 = s.fma(v, a6);
      b6 = t.fma(v, b6);
      v = FloatVector.broadcast(F, x[x7 + 2 * i + 1]);
      a7 = s.fma(v, a7);
      b7 = t.fma(v, b7);
    }
    FLOAT_VECTOR.cast(a0).intoArray(sums, sumAt);
    FLOAT_VECTOR.cast(b0).intoArray(sums, sumAt + L);
    FLOAT_VECTOR.cast(a1).intoArray(sums, sumAt + SUMS);
    FLOAT_VECTOR.cast(b1).intoArray(sums, sumAt + SUMS + L);
    FLOAT_VECTOR.cast(a2).intoArray(sums, sumAt + 2 * SUMS);
    FLOAT_VECTOR.cast(b2).intoArray(sums, sumAt + 2 * SUMS + L);
    FLOAT_VECTOR.cast(a3).intoArray(sums, sumAt + 3 * SUMS);
    FLOAT_VECTOR.cast(b3).intoArray(sums, sumAt + 3 * SUMS + L);
    FLOAT_VECTOR.cast(a4).intoArray(sums, sumAt + 4 * SUMS);
    FLOAT_VECTOR.cast(b4).intoArray(sums, sumAt + 4 * SUMS + L);
    FLOAT_VECTOR.cast(a5).intoArray(sums, sumAt + 5 * SUMS);
    FLOAT_VECTOR.cast(b5).intoArray(sums, sumAt + 5 * SUMS + L);
    FLOAT_VECTOR.cast(a6).intoArray(sums, sumAt + 6 * SUMS);
    FLOAT_VECTOR.cast(b6).intoArray(sums, sumAt + 6 * SUMS + L);
    FLOAT_VECTOR.cast(a7).intoArray(sums, sumAt + 7 * SUMS);
    FLOAT_VECTOR.cast(b7).intoArray(sums, sumAt + 7 * SUMS + L);
  }
}
