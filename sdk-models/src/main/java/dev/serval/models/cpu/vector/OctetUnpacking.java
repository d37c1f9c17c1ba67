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
final class OctetUnpacking extends Unpacking {
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
    int blocks = columns / BLOCK;
    int step = own.rowStep(columns);
    int x = firstRow * step;
    if (rows == 1) {
      one(data, panel, blocks, own.inputs, x, own.sums, sumAt);
    } else if (rows <= 4) {
      four(data, panel, blocks, own.inputs, x, step, own.sums, sumAt);
    } else {
      eight(data, panel, blocks, own.inputs, x, step, own.sums, sumAt);
    }
  }

  /** One row. */
  private static void one(
      MemorySegment data, long panel, int blocks, float[] x, int x0, float[] sums, int sumAt) {
    FloatVector a0 = FloatVector.zero(F);
    FloatVector b0 = a0;
    for (int block = 0; block < blocks; block++) {
      long at = panel + (long) block * BLOCK_BYTES;
      int k = block * BLOCK;
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
        FloatVector s =
            FLOAT_VECTOR
                .cast(
                    ByteVector.fromMemorySegment(B, data, at + (long) i * W, LE)
                        .convertShape(B2F, F, 0))
                .mul(f);
        FloatVector t =
            FLOAT_VECTOR
                .cast(
                    ByteVector.fromMemorySegment(B, data, at + (long) i * W + L, LE)
                        .convertShape(B2F, F, 0))
                .mul(g);
        FloatVector v = FloatVector.broadcast(F, x[x0 + k + i]);
        a0 = s.fma(v, a0);
        b0 = t.fma(v, b0);
      }
    }
    FLOAT_VECTOR.cast(a0).intoArray(sums, sumAt);
    FLOAT_VECTOR.cast(b0).intoArray(sums, sumAt + L);
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
    FloatVector a0 = FloatVector.zero(F);
    FloatVector b0 = a0;
    FloatVector a1 = FloatVector.zero(F);
    FloatVector b1 = a1;
    FloatVector a2 = FloatVector.zero(F);
    FloatVector b2 = a2;
    FloatVector a3 = FloatVector.zero(F);
    FloatVector b3 = a3;
    for (int block = 0; block < blocks; block++) {
      long at = panel + (long) block * BLOCK_BYTES;
      int k = block * BLOCK;
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
        FloatVector s =
            FLOAT_VECTOR
                .cast(
                    ByteVector.fromMemorySegment(B, data, at + (long) i * W, LE)
                        .convertShape(B2F, F, 0))
                .mul(f);
        FloatVector t =
            FLOAT_VECTOR
                .cast(
                    ByteVector.fromMemorySegment(B, data, at + (long) i * W + L, LE)
                        .convertShape(B2F, F, 0))
                .mul(g);
        FloatVector v;
        v = FloatVector.broadcast(F, x[x0 + k + i]);
        a0 = s.fma(v, a0);
        b0 = t.fma(v, b0);
        v = FloatVector.broadcast(F, x[x1 + k + i]);
        a1 = s.fma(v, a1);
        b1 = t.fma(v, b1);
        v = FloatVector.broadcast(F, x[x2 + k + i]);
        a2 = s.fma(v, a2);
        b2 = t.fma(v, b2);
        v = FloatVector.broadcast(F, x[x3 + k + i]);
        a3 = s.fma(v, a3);
        b3 = t.fma(v, b3);
      }
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
      int blocks,
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
    for (int block = 0; block < blocks; block++) {
      long at = panel + (long) block * BLOCK_BYTES;
      int k = block * BLOCK;
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
        FloatVector s =
            FLOAT_VECTOR
                .cast(
                    ByteVector.fromMemorySegment(B, data, at + (long) i * W, LE)
                        .convertShape(B2F, F, 0))
                .mul(f);
        FloatVector t =
            FLOAT_VECTOR
                .cast(
                    ByteVector.fromMemorySegment(B, data, at + (long) i * W + L, LE)
                        .convertShape(B2F, F, 0))
                .mul(g);
        FloatVector v;
        v = FloatVector.broadcast(F, x[x0 + k + i]);
        a0 = s.fma(v, a0);
        b0 = t.fma(v, b0);
        v = FloatVector.broadcast(F, x[x1 + k + i]);
        a1 = s.fma(v, a1);
        b1 = t.fma(v, b1);
        v = FloatVector.broadcast(F, x[x2 + k + i]);
        a2 = s.fma(v, a2);
        b2 = t.fma(v, b2);
        v = FloatVector.broadcast(F, x[x3 + k + i]);
        a3 = s.fma(v, a3);
        b3 = t.fma(v, b3);
        v = FloatVector.broadcast(F, x[x4 + k + i]);
        a4 = s.fma(v, a4);
        b4 = t.fma(v, b4);
        v = FloatVector.broadcast(F, x[x5 + k + i]);
        a5 = s.fma(v, a5);
        b5 = t.fma(v, b5);
        v = FloatVector.broadcast(F, x[x6 + k + i]);
        a6 = s.fma(v, a6);
        b6 = t.fma(v, b6);
        v = FloatVector.broadcast(F, x[x7 + k + i]);
        a7 = s.fma(v, a7);
        b7 = t.fma(v, b7);
      }
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
