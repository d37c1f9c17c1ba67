package dev.serval.models.cpu.vector;

import static dev.serval.models.cpu.vector.Lanes.FLOAT_VECTOR;
import static dev.serval.models.cpu.vector.Lanes.INT_VECTOR;
import static jdk.incubator.vector.VectorOperators.B2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.S2I;

import dev.serval.api.compute.DType;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Q8_0: a signed octet an element, and a scale for each 32 columns. A panel's block has the octets
 * of its columns first, then the scales.
 */
final class OctetUnpacking extends PackedProducts {
  private static final int W = Lanes.WIDTH;
  private static final int L = Lanes.COUNT;
  private static final int BLOCK = DType.Q8_0.blockElements();
  private static final int SUMS = LinearScratch.SUM_STEP;

  /** Where the scales are in a panel's block. */
  static final int SCALES = BLOCK * W;

  private static final int BLOCK_BYTES = DType.Q8_0.blockBytes() * W;
  private static final int HALF_BITS = Binary16.WIDENED_BITS;
  private static final float UP = Binary16.UP;
  private static final float DOWN = Binary16.DOWN;
  private static final VectorSpecies<Byte> B = Lanes.BYTES;
  private static final VectorSpecies<Short> H = Lanes.SHORTS;
  private static final VectorSpecies<Integer> I = Lanes.INTS;
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final ByteOrder LE = Lanes.ORDER;

  @Override
  void unpack(
      MemorySegment data, long panel, int firstColumn, int count, LinearScratch own, int at) {
    long from = panel + (long) (firstColumn / BLOCK) * BLOCK_BYTES;
    octets(data, from, count / BLOCK, own.tile, at);
  }

  private static void octets(MemorySegment data, long from, int blocks, float[] tile, int to) {
    for (int block = 0; block < blocks; block++) {
      long at = from + (long) block * BLOCK_BYTES;
      int tileAt = to + block * SCALES;
      FloatVector f =
          INT_VECTOR
              .cast(ShortVector.fromMemorySegment(H, data, at + SCALES, LE).convertShape(S2I, I, 0))
              .lanewise(LSHL, 13)
              .and(HALF_BITS)
              .reinterpretAsFloats()
              .mul(UP)
              .mul(UP)
              .mul(DOWN);
      FloatVector g =
          INT_VECTOR
              .cast(
                  ShortVector.fromMemorySegment(H, data, at + SCALES + W, LE)
                      .convertShape(S2I, I, 0))
              .lanewise(LSHL, 13)
              .and(HALF_BITS)
              .reinterpretAsFloats()
              .mul(UP)
              .mul(UP)
              .mul(DOWN);
      for (int i = 0; i < BLOCK; i++) {
        FLOAT_VECTOR
            .cast(
                ByteVector.fromMemorySegment(B, data, at + (long) i * W, LE)
                    .convertShape(B2F, F, 0))
            .mul(f)
            .intoArray(tile, tileAt + i * W);
        FLOAT_VECTOR
            .cast(
                ByteVector.fromMemorySegment(B, data, at + (long) i * W + L, LE)
                    .convertShape(B2F, F, 0))
            .mul(g)
            .intoArray(tile, tileAt + i * W + L);
      }
    }
  }

  @Override
  int mostRows() {
    return Lanes.MANY_REGISTERS ? 16 : 8;
  }

  @Override
  int together(int rows) {
    return rows == 1 ? 1 : PackedProducts.together();
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
    one(data, panel, columns / BLOCK, own.inputs, own.sums, sumAt);
  }

  @Override
  void multiplyFour(
      MemorySegment data, long panel, int columns, LinearScratch own, int x, int xStep, int sumAt) {
    four(data, panel, columns / BLOCK, own.inputs, x, xStep, own.sums, sumAt);
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
    fourByTwo(data, p0, p1, columns / BLOCK, own.inputs, x, xStep, own.sums, sumAt);
  }

  /** One row. */
  private static void one(
      MemorySegment data, long panel, int blocks, float[] x, float[] sums, int sumAt) {
    FloatVector a00 = FloatVector.fromArray(F, sums, sumAt);
    FloatVector b00 = FloatVector.fromArray(F, sums, sumAt + L);
    for (int block = 0; block < blocks; block++) {
      long from = (long) block * BLOCK_BYTES;
      int k = block * BLOCK;
      FloatVector f0 =
          INT_VECTOR
              .cast(
                  ShortVector.fromMemorySegment(H, data, panel + from + SCALES, LE)
                      .convertShape(S2I, I, 0))
              .lanewise(LSHL, 13)
              .and(HALF_BITS)
              .reinterpretAsFloats()
              .mul(UP)
              .mul(UP)
              .mul(DOWN);
      FloatVector g0 =
          INT_VECTOR
              .cast(
                  ShortVector.fromMemorySegment(H, data, panel + from + SCALES + W, LE)
                      .convertShape(S2I, I, 0))
              .lanewise(LSHL, 13)
              .and(HALF_BITS)
              .reinterpretAsFloats()
              .mul(UP)
              .mul(UP)
              .mul(DOWN);
      for (int i = 0; i < BLOCK; i++) {
        long at = from + (long) i * W;
        FloatVector s0 =
            FLOAT_VECTOR
                .cast(ByteVector.fromMemorySegment(B, data, panel + at, LE).convertShape(B2F, F, 0))
                .mul(f0);
        FloatVector t0 =
            FLOAT_VECTOR
                .cast(
                    ByteVector.fromMemorySegment(B, data, panel + at + L, LE)
                        .convertShape(B2F, F, 0))
                .mul(g0);
        FloatVector v = FloatVector.broadcast(F, x[k + i]);
        a00 = s0.fma(v, a00);
        b00 = t0.fma(v, b00);
      }
    }
    FLOAT_VECTOR.cast(a00).intoArray(sums, sumAt);
    FLOAT_VECTOR.cast(b00).intoArray(sums, sumAt + L);
  }

  /** Four rows. */
  private static void four(
      MemorySegment data,
      long panel,
      int blocks,
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
    for (int block = 0; block < blocks; block++) {
      long from = (long) block * BLOCK_BYTES;
      int k = block * BLOCK;
      FloatVector f0 =
          INT_VECTOR
              .cast(
                  ShortVector.fromMemorySegment(H, data, panel + from + SCALES, LE)
                      .convertShape(S2I, I, 0))
              .lanewise(LSHL, 13)
              .and(HALF_BITS)
              .reinterpretAsFloats()
              .mul(UP)
              .mul(UP)
              .mul(DOWN);
      FloatVector g0 =
          INT_VECTOR
              .cast(
                  ShortVector.fromMemorySegment(H, data, panel + from + SCALES + W, LE)
                      .convertShape(S2I, I, 0))
              .lanewise(LSHL, 13)
              .and(HALF_BITS)
              .reinterpretAsFloats()
              .mul(UP)
              .mul(UP)
              .mul(DOWN);
      for (int i = 0; i < BLOCK; i++) {
        long at = from + (long) i * W;
        FloatVector s0 =
            FLOAT_VECTOR
                .cast(ByteVector.fromMemorySegment(B, data, panel + at, LE).convertShape(B2F, F, 0))
                .mul(f0);
        FloatVector t0 =
            FLOAT_VECTOR
                .cast(
                    ByteVector.fromMemorySegment(B, data, panel + at + L, LE)
                        .convertShape(B2F, F, 0))
                .mul(g0);
        FloatVector v = FloatVector.broadcast(F, x[x0 + k + i]);
        a00 = s0.fma(v, a00);
        b00 = t0.fma(v, b00);
        v = FloatVector.broadcast(F, x[x1 + k + i]);
        a10 = s0.fma(v, a10);
        b10 = t0.fma(v, b10);
        v = FloatVector.broadcast(F, x[x2 + k + i]);
        a20 = s0.fma(v, a20);
        b20 = t0.fma(v, b20);
        v = FloatVector.broadcast(F, x[x3 + k + i]);
        a30 = s0.fma(v, a30);
        b30 = t0.fma(v, b30);
      }
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
      int blocks,
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
    for (int block = 0; block < blocks; block++) {
      long from = (long) block * BLOCK_BYTES;
      int k = block * BLOCK;
      FloatVector f0 =
          INT_VECTOR
              .cast(
                  ShortVector.fromMemorySegment(H, data, p0 + from + SCALES, LE)
                      .convertShape(S2I, I, 0))
              .lanewise(LSHL, 13)
              .and(HALF_BITS)
              .reinterpretAsFloats()
              .mul(UP)
              .mul(UP)
              .mul(DOWN);
      FloatVector g0 =
          INT_VECTOR
              .cast(
                  ShortVector.fromMemorySegment(H, data, p0 + from + SCALES + W, LE)
                      .convertShape(S2I, I, 0))
              .lanewise(LSHL, 13)
              .and(HALF_BITS)
              .reinterpretAsFloats()
              .mul(UP)
              .mul(UP)
              .mul(DOWN);
      FloatVector f1 =
          INT_VECTOR
              .cast(
                  ShortVector.fromMemorySegment(H, data, p1 + from + SCALES, LE)
                      .convertShape(S2I, I, 0))
              .lanewise(LSHL, 13)
              .and(HALF_BITS)
              .reinterpretAsFloats()
              .mul(UP)
              .mul(UP)
              .mul(DOWN);
      FloatVector g1 =
          INT_VECTOR
              .cast(
                  ShortVector.fromMemorySegment(H, data, p1 + from + SCALES + W, LE)
                      .convertShape(S2I, I, 0))
              .lanewise(LSHL, 13)
              .and(HALF_BITS)
              .reinterpretAsFloats()
              .mul(UP)
              .mul(UP)
              .mul(DOWN);
      for (int i = 0; i < BLOCK; i++) {
        long at = from + (long) i * W;
        FloatVector s0 =
            FLOAT_VECTOR
                .cast(ByteVector.fromMemorySegment(B, data, p0 + at, LE).convertShape(B2F, F, 0))
                .mul(f0);
        FloatVector t0 =
            FLOAT_VECTOR
                .cast(
                    ByteVector.fromMemorySegment(B, data, p0 + at + L, LE).convertShape(B2F, F, 0))
                .mul(g0);
        FloatVector s1 =
            FLOAT_VECTOR
                .cast(ByteVector.fromMemorySegment(B, data, p1 + at, LE).convertShape(B2F, F, 0))
                .mul(f1);
        FloatVector t1 =
            FLOAT_VECTOR
                .cast(
                    ByteVector.fromMemorySegment(B, data, p1 + at + L, LE).convertShape(B2F, F, 0))
                .mul(g1);
        FloatVector v = FloatVector.broadcast(F, x[x0 + k + i]);
        a00 = s0.fma(v, a00);
        b00 = t0.fma(v, b00);
        a01 = s1.fma(v, a01);
        b01 = t1.fma(v, b01);
        v = FloatVector.broadcast(F, x[x1 + k + i]);
        a10 = s0.fma(v, a10);
        b10 = t0.fma(v, b10);
        a11 = s1.fma(v, a11);
        b11 = t1.fma(v, b11);
        v = FloatVector.broadcast(F, x[x2 + k + i]);
        a20 = s0.fma(v, a20);
        b20 = t0.fma(v, b20);
        a21 = s1.fma(v, a21);
        b21 = t1.fma(v, b21);
        v = FloatVector.broadcast(F, x[x3 + k + i]);
        a30 = s0.fma(v, a30);
        b30 = t0.fma(v, b30);
        a31 = s1.fma(v, a31);
        b31 = t1.fma(v, b31);
      }
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
