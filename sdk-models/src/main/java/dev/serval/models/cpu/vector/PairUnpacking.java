package dev.serval.models.cpu.vector;

import static dev.serval.models.cpu.vector.Lanes.FLOAT_VECTOR;
import static jdk.incubator.vector.VectorOperators.LSHL;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/** Pairs of BF16, the lower column in the lower half of an int. */
final class PairUnpacking extends PackedProducts {
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
  int mostRows() {
    return Lanes.MANY_REGISTERS ? Integer.MAX_VALUE : 8;
  }

  @Override
  int together(int rows) {
    return rows == 1 ? 4 : PackedProducts.together();
  }

  @Override
  void multiplyOne(
      MemorySegment data,
      long panel,
      long panelBytes,
      int panels,
      int columns,
      LinearScratch own,
      int sumAt) {
    long last = panel + (panels - 1) * panelBytes;
    long p1 = Math.min(panel + panelBytes, last);
    long p2 = Math.min(p1 + panelBytes, last);
    long p3 = Math.min(p2 + panelBytes, last);
    oneByFour(data, panel, p1, p2, p3, Math.ceilDiv(columns, 2), own.inputs, own.sums, sumAt);
  }

  @Override
  void multiplyFour(
      MemorySegment data, long panel, int columns, LinearScratch own, int x, int xStep, int sumAt) {
    four(data, panel, Math.ceilDiv(columns, 2), own.inputs, x, xStep, own.sums, sumAt);
  }

  @Override
  void multiplyFour(
      MemorySegment data,
      long p0,
      long p1,
      int columns,
      LinearScratch own,
      int x,
      int xStep,
      int sumAt) {
    fourByTwo(data, p0, p1, Math.ceilDiv(columns, 2), own.inputs, x, xStep, own.sums, sumAt);
  }

  /** One row, four panels. */
  private static void oneByFour(
      MemorySegment data,
      long p0,
      long p1,
      long p2,
      long p3,
      int pairs,
      float[] x,
      float[] sums,
      int sumAt) {
    FloatVector a00 = FloatVector.fromArray(F, sums, sumAt);
    FloatVector b00 = FloatVector.fromArray(F, sums, sumAt + L);
    FloatVector a01 = FloatVector.fromArray(F, sums, sumAt + 2 * L);
    FloatVector b01 = FloatVector.fromArray(F, sums, sumAt + 3 * L);
    FloatVector a02 = FloatVector.fromArray(F, sums, sumAt + 4 * L);
    FloatVector b02 = FloatVector.fromArray(F, sums, sumAt + 5 * L);
    FloatVector a03 = FloatVector.fromArray(F, sums, sumAt + 6 * L);
    FloatVector b03 = FloatVector.fromArray(F, sums, sumAt + 7 * L);
    for (int i = 0; i < pairs; i++) {
      long at = (long) i * PAIR_BYTES;
      IntVector i0 = IntVector.fromMemorySegment(I, data, p0 + at, LE);
      IntVector j0 = IntVector.fromMemorySegment(I, data, p0 + at + PAIR_BYTES / 2, LE);
      IntVector i1 = IntVector.fromMemorySegment(I, data, p1 + at, LE);
      IntVector j1 = IntVector.fromMemorySegment(I, data, p1 + at + PAIR_BYTES / 2, LE);
      IntVector i2 = IntVector.fromMemorySegment(I, data, p2 + at, LE);
      IntVector j2 = IntVector.fromMemorySegment(I, data, p2 + at + PAIR_BYTES / 2, LE);
      IntVector i3 = IntVector.fromMemorySegment(I, data, p3 + at, LE);
      IntVector j3 = IntVector.fromMemorySegment(I, data, p3 + at + PAIR_BYTES / 2, LE);
      FloatVector s0 = i0.lanewise(LSHL, Short.SIZE).reinterpretAsFloats();
      FloatVector t0 = j0.lanewise(LSHL, Short.SIZE).reinterpretAsFloats();
      FloatVector s1 = i1.lanewise(LSHL, Short.SIZE).reinterpretAsFloats();
      FloatVector t1 = j1.lanewise(LSHL, Short.SIZE).reinterpretAsFloats();
      FloatVector s2 = i2.lanewise(LSHL, Short.SIZE).reinterpretAsFloats();
      FloatVector t2 = j2.lanewise(LSHL, Short.SIZE).reinterpretAsFloats();
      FloatVector s3 = i3.lanewise(LSHL, Short.SIZE).reinterpretAsFloats();
      FloatVector t3 = j3.lanewise(LSHL, Short.SIZE).reinterpretAsFloats();
      FloatVector v = FloatVector.broadcast(F, x[2 * i]);
      a00 = s0.fma(v, a00);
      b00 = t0.fma(v, b00);
      a01 = s1.fma(v, a01);
      b01 = t1.fma(v, b01);
      a02 = s2.fma(v, a02);
      b02 = t2.fma(v, b02);
      a03 = s3.fma(v, a03);
      b03 = t3.fma(v, b03);
      s0 = i0.and(UPPER).reinterpretAsFloats();
      t0 = j0.and(UPPER).reinterpretAsFloats();
      s1 = i1.and(UPPER).reinterpretAsFloats();
      t1 = j1.and(UPPER).reinterpretAsFloats();
      s2 = i2.and(UPPER).reinterpretAsFloats();
      t2 = j2.and(UPPER).reinterpretAsFloats();
      s3 = i3.and(UPPER).reinterpretAsFloats();
      t3 = j3.and(UPPER).reinterpretAsFloats();
      v = FloatVector.broadcast(F, x[2 * i + 1]);
      a00 = s0.fma(v, a00);
      b00 = t0.fma(v, b00);
      a01 = s1.fma(v, a01);
      b01 = t1.fma(v, b01);
      a02 = s2.fma(v, a02);
      b02 = t2.fma(v, b02);
      a03 = s3.fma(v, a03);
      b03 = t3.fma(v, b03);
    }
    FLOAT_VECTOR.cast(a00).intoArray(sums, sumAt);
    FLOAT_VECTOR.cast(b00).intoArray(sums, sumAt + L);
    FLOAT_VECTOR.cast(a01).intoArray(sums, sumAt + 2 * L);
    FLOAT_VECTOR.cast(b01).intoArray(sums, sumAt + 3 * L);
    FLOAT_VECTOR.cast(a02).intoArray(sums, sumAt + 4 * L);
    FLOAT_VECTOR.cast(b02).intoArray(sums, sumAt + 5 * L);
    FLOAT_VECTOR.cast(a03).intoArray(sums, sumAt + 6 * L);
    FLOAT_VECTOR.cast(b03).intoArray(sums, sumAt + 7 * L);
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
    FloatVector a00 = FloatVector.fromArray(F, sums, sumAt);
    FloatVector b00 = FloatVector.fromArray(F, sums, sumAt + L);
    FloatVector a10 = FloatVector.fromArray(F, sums, sumAt + SUMS);
    FloatVector b10 = FloatVector.fromArray(F, sums, sumAt + SUMS + L);
    FloatVector a20 = FloatVector.fromArray(F, sums, sumAt + 2 * SUMS);
    FloatVector b20 = FloatVector.fromArray(F, sums, sumAt + 2 * SUMS + L);
    FloatVector a30 = FloatVector.fromArray(F, sums, sumAt + 3 * SUMS);
    FloatVector b30 = FloatVector.fromArray(F, sums, sumAt + 3 * SUMS + L);
    for (int i = 0; i < pairs; i++) {
      long at = (long) i * PAIR_BYTES;
      IntVector i0 = IntVector.fromMemorySegment(I, data, panel + at, LE);
      IntVector j0 = IntVector.fromMemorySegment(I, data, panel + at + PAIR_BYTES / 2, LE);
      FloatVector s0 = i0.lanewise(LSHL, Short.SIZE).reinterpretAsFloats();
      FloatVector t0 = j0.lanewise(LSHL, Short.SIZE).reinterpretAsFloats();
      FloatVector v = FloatVector.broadcast(F, x[x0 + 2 * i]);
      a00 = s0.fma(v, a00);
      b00 = t0.fma(v, b00);
      v = FloatVector.broadcast(F, x[x1 + 2 * i]);
      a10 = s0.fma(v, a10);
      b10 = t0.fma(v, b10);
      v = FloatVector.broadcast(F, x[x2 + 2 * i]);
      a20 = s0.fma(v, a20);
      b20 = t0.fma(v, b20);
      v = FloatVector.broadcast(F, x[x3 + 2 * i]);
      a30 = s0.fma(v, a30);
      b30 = t0.fma(v, b30);
      s0 = i0.and(UPPER).reinterpretAsFloats();
      t0 = j0.and(UPPER).reinterpretAsFloats();
      v = FloatVector.broadcast(F, x[x0 + 2 * i + 1]);
      a00 = s0.fma(v, a00);
      b00 = t0.fma(v, b00);
      v = FloatVector.broadcast(F, x[x1 + 2 * i + 1]);
      a10 = s0.fma(v, a10);
      b10 = t0.fma(v, b10);
      v = FloatVector.broadcast(F, x[x2 + 2 * i + 1]);
      a20 = s0.fma(v, a20);
      b20 = t0.fma(v, b20);
      v = FloatVector.broadcast(F, x[x3 + 2 * i + 1]);
      a30 = s0.fma(v, a30);
      b30 = t0.fma(v, b30);
    }
    FLOAT_VECTOR.cast(a00).intoArray(sums, sumAt);
    FLOAT_VECTOR.cast(b00).intoArray(sums, sumAt + L);
    FLOAT_VECTOR.cast(a10).intoArray(sums, sumAt + SUMS);
    FLOAT_VECTOR.cast(b10).intoArray(sums, sumAt + SUMS + L);
    FLOAT_VECTOR.cast(a20).intoArray(sums, sumAt + 2 * SUMS);
    FLOAT_VECTOR.cast(b20).intoArray(sums, sumAt + 2 * SUMS + L);
    FLOAT_VECTOR.cast(a30).intoArray(sums, sumAt + 3 * SUMS);
    FLOAT_VECTOR.cast(b30).intoArray(sums, sumAt + 3 * SUMS + L);
  }

  /** Four rows, two panels. */
  private static void fourByTwo(
      MemorySegment data,
      long p0,
      long p1,
      int pairs,
      float[] x,
      int x0,
      int xStep,
      float[] sums,
      int sumAt) {
    int x1 = x0 + xStep;
    int x2 = x1 + xStep;
    int x3 = x2 + xStep;
    FloatVector a00 = FloatVector.fromArray(F, sums, sumAt);
    FloatVector b00 = FloatVector.fromArray(F, sums, sumAt + L);
    FloatVector a01 = FloatVector.fromArray(F, sums, sumAt + 2 * L);
    FloatVector b01 = FloatVector.fromArray(F, sums, sumAt + 3 * L);
    FloatVector a10 = FloatVector.fromArray(F, sums, sumAt + SUMS);
    FloatVector b10 = FloatVector.fromArray(F, sums, sumAt + SUMS + L);
    FloatVector a11 = FloatVector.fromArray(F, sums, sumAt + SUMS + 2 * L);
    FloatVector b11 = FloatVector.fromArray(F, sums, sumAt + SUMS + 3 * L);
    FloatVector a20 = FloatVector.fromArray(F, sums, sumAt + 2 * SUMS);
    FloatVector b20 = FloatVector.fromArray(F, sums, sumAt + 2 * SUMS + L);
    FloatVector a21 = FloatVector.fromArray(F, sums, sumAt + 2 * SUMS + 2 * L);
    FloatVector b21 = FloatVector.fromArray(F, sums, sumAt + 2 * SUMS + 3 * L);
    FloatVector a30 = FloatVector.fromArray(F, sums, sumAt + 3 * SUMS);
    FloatVector b30 = FloatVector.fromArray(F, sums, sumAt + 3 * SUMS + L);
    FloatVector a31 = FloatVector.fromArray(F, sums, sumAt + 3 * SUMS + 2 * L);
    FloatVector b31 = FloatVector.fromArray(F, sums, sumAt + 3 * SUMS + 3 * L);
    for (int i = 0; i < pairs; i++) {
      long at = (long) i * PAIR_BYTES;
      IntVector i0 = IntVector.fromMemorySegment(I, data, p0 + at, LE);
      IntVector j0 = IntVector.fromMemorySegment(I, data, p0 + at + PAIR_BYTES / 2, LE);
      IntVector i1 = IntVector.fromMemorySegment(I, data, p1 + at, LE);
      IntVector j1 = IntVector.fromMemorySegment(I, data, p1 + at + PAIR_BYTES / 2, LE);
      FloatVector s0 = i0.lanewise(LSHL, Short.SIZE).reinterpretAsFloats();
      FloatVector t0 = j0.lanewise(LSHL, Short.SIZE).reinterpretAsFloats();
      FloatVector s1 = i1.lanewise(LSHL, Short.SIZE).reinterpretAsFloats();
      FloatVector t1 = j1.lanewise(LSHL, Short.SIZE).reinterpretAsFloats();
      FloatVector v = FloatVector.broadcast(F, x[x0 + 2 * i]);
      a00 = s0.fma(v, a00);
      b00 = t0.fma(v, b00);
      a01 = s1.fma(v, a01);
      b01 = t1.fma(v, b01);
      v = FloatVector.broadcast(F, x[x1 + 2 * i]);
      a10 = s0.fma(v, a10);
      b10 = t0.fma(v, b10);
      a11 = s1.fma(v, a11);
      b11 = t1.fma(v, b11);
      v = FloatVector.broadcast(F, x[x2 + 2 * i]);
      a20 = s0.fma(v, a20);
      b20 = t0.fma(v, b20);
      a21 = s1.fma(v, a21);
      b21 = t1.fma(v, b21);
      v = FloatVector.broadcast(F, x[x3 + 2 * i]);
      a30 = s0.fma(v, a30);
      b30 = t0.fma(v, b30);
      a31 = s1.fma(v, a31);
      b31 = t1.fma(v, b31);
      s0 = i0.and(UPPER).reinterpretAsFloats();
      t0 = j0.and(UPPER).reinterpretAsFloats();
      s1 = i1.and(UPPER).reinterpretAsFloats();
      t1 = j1.and(UPPER).reinterpretAsFloats();
      v = FloatVector.broadcast(F, x[x0 + 2 * i + 1]);
      a00 = s0.fma(v, a00);
      b00 = t0.fma(v, b00);
      a01 = s1.fma(v, a01);
      b01 = t1.fma(v, b01);
      v = FloatVector.broadcast(F, x[x1 + 2 * i + 1]);
      a10 = s0.fma(v, a10);
      b10 = t0.fma(v, b10);
      a11 = s1.fma(v, a11);
      b11 = t1.fma(v, b11);
      v = FloatVector.broadcast(F, x[x2 + 2 * i + 1]);
      a20 = s0.fma(v, a20);
      b20 = t0.fma(v, b20);
      a21 = s1.fma(v, a21);
      b21 = t1.fma(v, b21);
      v = FloatVector.broadcast(F, x[x3 + 2 * i + 1]);
      a30 = s0.fma(v, a30);
      b30 = t0.fma(v, b30);
      a31 = s1.fma(v, a31);
      b31 = t1.fma(v, b31);
    }
    FLOAT_VECTOR.cast(a00).intoArray(sums, sumAt);
    FLOAT_VECTOR.cast(b00).intoArray(sums, sumAt + L);
    FLOAT_VECTOR.cast(a01).intoArray(sums, sumAt + 2 * L);
    FLOAT_VECTOR.cast(b01).intoArray(sums, sumAt + 3 * L);
    FLOAT_VECTOR.cast(a10).intoArray(sums, sumAt + SUMS);
    FLOAT_VECTOR.cast(b10).intoArray(sums, sumAt + SUMS + L);
    FLOAT_VECTOR.cast(a11).intoArray(sums, sumAt + SUMS + 2 * L);
    FLOAT_VECTOR.cast(b11).intoArray(sums, sumAt + SUMS + 3 * L);
    FLOAT_VECTOR.cast(a20).intoArray(sums, sumAt + 2 * SUMS);
    FLOAT_VECTOR.cast(b20).intoArray(sums, sumAt + 2 * SUMS + L);
    FLOAT_VECTOR.cast(a21).intoArray(sums, sumAt + 2 * SUMS + 2 * L);
    FLOAT_VECTOR.cast(b21).intoArray(sums, sumAt + 2 * SUMS + 3 * L);
    FLOAT_VECTOR.cast(a30).intoArray(sums, sumAt + 3 * SUMS);
    FLOAT_VECTOR.cast(b30).intoArray(sums, sumAt + 3 * SUMS + L);
    FLOAT_VECTOR.cast(a31).intoArray(sums, sumAt + 3 * SUMS + 2 * L);
    FLOAT_VECTOR.cast(b31).intoArray(sums, sumAt + 3 * SUMS + 3 * L);
  }
}
