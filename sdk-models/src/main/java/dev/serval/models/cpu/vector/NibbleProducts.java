package dev.serval.models.cpu.vector;

import static dev.serval.models.cpu.vector.Lanes.FLOAT_VECTOR;
import static dev.serval.models.cpu.vector.Lanes.INT_VECTOR;
import static dev.serval.models.cpu.vector.Lanes.SHORT_VECTOR;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.S2I;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_B2S;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The kernels of {@link NibbleMatrix}: a group of rows times a panel, all columns of it. Like those
 * of {@link TileProducts} each is one method that calls the Vector API itself.
 */
final class NibbleProducts {
  private static final int PAIRS = NibbleLayout.BLOCK / 2;
  private static final int STEP = NibbleInputs.STEP;
  private static final int SUMS = LinearScratch.SUM_STEP;
  private static final int BLOCK_BYTES = NibbleLayout.BLOCK_BYTES;
  private static final int SCALES = NibbleLayout.SCALES;

  private static final int HALF_BITS = Binary16.WIDENED_BITS;
  private static final float UP = Binary16.UP;
  private static final float DOWN = Binary16.DOWN;
  private static final short NIBBLE = 0xF;
  private static final int W = Lanes.WIDTH;
  private static final int L = Lanes.COUNT;
  private static final VectorSpecies<Byte> B = Lanes.HALF_BYTES;
  private static final VectorSpecies<Short> S = Lanes.WIDE_SHORTS;
  private static final VectorSpecies<Short> H = Lanes.SHORTS;
  private static final VectorSpecies<Integer> I = Lanes.INTS;
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final ByteOrder LE = Lanes.ORDER;

  private NibbleProducts() {}

  /**
   * Multiplies a group of rows with a panel: {@code sums[row][lane] = Σ inputs[row][k] ·
   * panel[lane][k]}.
   *
   * @param data the matrix
   * @param panel where the panel begins
   * @param in the inputs
   * @param group which group of them
   * @param sums the sums, {@link LinearScratch#SUM_STEP} from row to row
   * @param sumAt where those of the first row begin
   */
  static void multiply(
      MemorySegment data, long panel, NibbleInputs in, int group, float[] sums, int sumAt) {
    int x = in.codesAt(group);
    int f = in.factorsAt(group);
    switch (in.size(group)) {
      case 1 -> one(data, panel, in.blocks(), in.codes(), x, in.factors(), f, sums, sumAt);
      case 4 -> four(data, panel, in.blocks(), in.codes(), x, in.factors(), f, sums, sumAt);
      default -> eight(data, panel, in.blocks(), in.codes(), x, in.factors(), f, sums, sumAt);
    }
  }

  /** One row. */
  private static void one(
      MemorySegment data,
      long panel,
      int blocks,
      short[] x,
      int x0,
      float[] factors,
      int f0,
      float[] sums,
      int sumAt) {
    FloatVector a0 = FloatVector.zero(F);
    FloatVector b0 = a0;
    for (int block = 0; block < blocks; block++) {
      long at = panel + (long) block * BLOCK_BYTES;
      int k = x0 + block * STEP;
      ShortVector s0 = ShortVector.broadcast(S, x[k]);
      k += 1;
      for (int i = 0; i < PAIRS; i++) {
        ShortVector q =
            SHORT_VECTOR.cast(
                ByteVector.fromMemorySegment(B, data, at + (long) i * W, LE)
                    .convertShape(ZERO_EXTEND_B2S, S, 0));
        ShortVector w = q.and(NIBBLE);
        s0 = w.mul(ShortVector.broadcast(S, x[k + 2 * i])).add(s0);
        w = q.lanewise(LSHR, 4);
        s0 = w.mul(ShortVector.broadcast(S, x[k + 2 * i + 1])).add(s0);
      }
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
      IntVector t;
      FloatVector v;
      t = s0.reinterpretAsInts();
      v = FloatVector.broadcast(F, factors[f0 + block]);
      a0 =
          FLOAT_VECTOR
              .cast(t.lanewise(LSHL, 16).lanewise(ASHR, 16).convert(I2F, 0))
              .fma(f.mul(v), a0);
      b0 = FLOAT_VECTOR.cast(t.lanewise(ASHR, 16).convert(I2F, 0)).fma(g.mul(v), b0);
    }
    FLOAT_VECTOR.cast(a0).intoArray(sums, sumAt);
    FLOAT_VECTOR.cast(b0).intoArray(sums, sumAt + L);
  }

  /** Four rows. */
  private static void four(
      MemorySegment data,
      long panel,
      int blocks,
      short[] x,
      int x0,
      float[] factors,
      int f0,
      float[] sums,
      int sumAt) {
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
      int k = x0 + block * 4 * STEP;
      ShortVector s0 = ShortVector.broadcast(S, x[k]);
      ShortVector s1 = ShortVector.broadcast(S, x[k + 1]);
      ShortVector s2 = ShortVector.broadcast(S, x[k + 2]);
      ShortVector s3 = ShortVector.broadcast(S, x[k + 3]);
      k += 4;
      for (int i = 0; i < PAIRS; i++) {
        ShortVector q =
            SHORT_VECTOR.cast(
                ByteVector.fromMemorySegment(B, data, at + (long) i * W, LE)
                    .convertShape(ZERO_EXTEND_B2S, S, 0));
        ShortVector w = q.and(NIBBLE);
        s0 = w.mul(ShortVector.broadcast(S, x[k + 8 * i])).add(s0);
        s1 = w.mul(ShortVector.broadcast(S, x[k + 8 * i + 1])).add(s1);
        s2 = w.mul(ShortVector.broadcast(S, x[k + 8 * i + 2])).add(s2);
        s3 = w.mul(ShortVector.broadcast(S, x[k + 8 * i + 3])).add(s3);
        w = q.lanewise(LSHR, 4);
        s0 = w.mul(ShortVector.broadcast(S, x[k + 8 * i + 4])).add(s0);
        s1 = w.mul(ShortVector.broadcast(S, x[k + 8 * i + 5])).add(s1);
        s2 = w.mul(ShortVector.broadcast(S, x[k + 8 * i + 6])).add(s2);
        s3 = w.mul(ShortVector.broadcast(S, x[k + 8 * i + 7])).add(s3);
      }
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
      IntVector t;
      FloatVector v;
      t = s0.reinterpretAsInts();
      v = FloatVector.broadcast(F, factors[f0 + 4 * block]);
      a0 =
          FLOAT_VECTOR
              .cast(t.lanewise(LSHL, 16).lanewise(ASHR, 16).convert(I2F, 0))
              .fma(f.mul(v), a0);
      b0 = FLOAT_VECTOR.cast(t.lanewise(ASHR, 16).convert(I2F, 0)).fma(g.mul(v), b0);
      t = s1.reinterpretAsInts();
      v = FloatVector.broadcast(F, factors[f0 + 4 * block + 1]);
      a1 =
          FLOAT_VECTOR
              .cast(t.lanewise(LSHL, 16).lanewise(ASHR, 16).convert(I2F, 0))
              .fma(f.mul(v), a1);
      b1 = FLOAT_VECTOR.cast(t.lanewise(ASHR, 16).convert(I2F, 0)).fma(g.mul(v), b1);
      t = s2.reinterpretAsInts();
      v = FloatVector.broadcast(F, factors[f0 + 4 * block + 2]);
      a2 =
          FLOAT_VECTOR
              .cast(t.lanewise(LSHL, 16).lanewise(ASHR, 16).convert(I2F, 0))
              .fma(f.mul(v), a2);
      b2 = FLOAT_VECTOR.cast(t.lanewise(ASHR, 16).convert(I2F, 0)).fma(g.mul(v), b2);
      t = s3.reinterpretAsInts();
      v = FloatVector.broadcast(F, factors[f0 + 4 * block + 3]);
      a3 =
          FLOAT_VECTOR
              .cast(t.lanewise(LSHL, 16).lanewise(ASHR, 16).convert(I2F, 0))
              .fma(f.mul(v), a3);
      b3 = FLOAT_VECTOR.cast(t.lanewise(ASHR, 16).convert(I2F, 0)).fma(g.mul(v), b3);
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
      short[] x,
      int x0,
      float[] factors,
      int f0,
      float[] sums,
      int sumAt) {
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
      int k = x0 + block * 8 * STEP;
      ShortVector s0 = ShortVector.broadcast(S, x[k]);
      ShortVector s1 = ShortVector.broadcast(S, x[k + 1]);
      ShortVector s2 = ShortVector.broadcast(S, x[k + 2]);
      ShortVector s3 = ShortVector.broadcast(S, x[k + 3]);
      ShortVector s4 = ShortVector.broadcast(S, x[k + 4]);
      ShortVector s5 = ShortVector.broadcast(S, x[k + 5]);
      ShortVector s6 = ShortVector.broadcast(S, x[k + 6]);
      ShortVector s7 = ShortVector.broadcast(S, x[k + 7]);
      k += 8;
      for (int i = 0; i < PAIRS; i++) {
        ShortVector q =
            SHORT_VECTOR.cast(
                ByteVector.fromMemorySegment(B, data, at + (long) i * W, LE)
                    .convertShape(ZERO_EXTEND_B2S, S, 0));
        ShortVector w = q.and(NIBBLE);
        s0 = w.mul(ShortVector.broadcast(S, x[k + 16 * i])).add(s0);
        s1 = w.mul(ShortVector.broadcast(S, x[k + 16 * i + 1])).add(s1);
        s2 = w.mul(ShortVector.broadcast(S, x[k + 16 * i + 2])).add(s2);
        s3 = w.mul(ShortVector.broadcast(S, x[k + 16 * i + 3])).add(s3);
        s4 = w.mul(ShortVector.broadcast(S, x[k + 16 * i + 4])).add(s4);
        s5 = w.mul(ShortVector.broadcast(S, x[k + 16 * i + 5])).add(s5);
        s6 = w.mul(ShortVector.broadcast(S, x[k + 16 * i + 6])).add(s6);
        s7 = w.mul(ShortVector.broadcast(S, x[k + 16 * i + 7])).add(s7);
        w = q.lanewise(LSHR, 4);
        s0 = w.mul(ShortVector.broadcast(S, x[k + 16 * i + 8])).add(s0);
        s1 = w.mul(ShortVector.broadcast(S, x[k + 16 * i + 9])).add(s1);
        s2 = w.mul(ShortVector.broadcast(S, x[k + 16 * i + 10])).add(s2);
        s3 = w.mul(ShortVector.broadcast(S, x[k + 16 * i + 11])).add(s3);
        s4 = w.mul(ShortVector.broadcast(S, x[k + 16 * i + 12])).add(s4);
        s5 = w.mul(ShortVector.broadcast(S, x[k + 16 * i + 13])).add(s5);
        s6 = w.mul(ShortVector.broadcast(S, x[k + 16 * i + 14])).add(s6);
        s7 = w.mul(ShortVector.broadcast(S, x[k + 16 * i + 15])).add(s7);
      }
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
      IntVector t;
      FloatVector v;
      t = s0.reinterpretAsInts();
      v = FloatVector.broadcast(F, factors[f0 + 8 * block]);
      a0 =
          FLOAT_VECTOR
              .cast(t.lanewise(LSHL, 16).lanewise(ASHR, 16).convert(I2F, 0))
              .fma(f.mul(v), a0);
      b0 = FLOAT_VECTOR.cast(t.lanewise(ASHR, 16).convert(I2F, 0)).fma(g.mul(v), b0);
      t = s1.reinterpretAsInts();
      v = FloatVector.broadcast(F, factors[f0 + 8 * block + 1]);
      a1 =
          FLOAT_VECTOR
              .cast(t.lanewise(LSHL, 16).lanewise(ASHR, 16).convert(I2F, 0))
              .fma(f.mul(v), a1);
      b1 = FLOAT_VECTOR.cast(t.lanewise(ASHR, 16).convert(I2F, 0)).fma(g.mul(v), b1);
      t = s2.reinterpretAsInts();
      v = FloatVector.broadcast(F, factors[f0 + 8 * block + 2]);
      a2 =
          FLOAT_VECTOR
              .cast(t.lanewise(LSHL, 16).lanewise(ASHR, 16).convert(I2F, 0))
              .fma(f.mul(v), a2);
      b2 = FLOAT_VECTOR.cast(t.lanewise(ASHR, 16).convert(I2F, 0)).fma(g.mul(v), b2);
      t = s3.reinterpretAsInts();
      v = FloatVector.broadcast(F, factors[f0 + 8 * block + 3]);
      a3 =
          FLOAT_VECTOR
              .cast(t.lanewise(LSHL, 16).lanewise(ASHR, 16).convert(I2F, 0))
              .fma(f.mul(v), a3);
      b3 = FLOAT_VECTOR.cast(t.lanewise(ASHR, 16).convert(I2F, 0)).fma(g.mul(v), b3);
      t = s4.reinterpretAsInts();
      v = FloatVector.broadcast(F, factors[f0 + 8 * block + 4]);
      a4 =
          FLOAT_VECTOR
              .cast(t.lanewise(LSHL, 16).lanewise(ASHR, 16).convert(I2F, 0))
              .fma(f.mul(v), a4);
      b4 = FLOAT_VECTOR.cast(t.lanewise(ASHR, 16).convert(I2F, 0)).fma(g.mul(v), b4);
      t = s5.reinterpretAsInts();
      v = FloatVector.broadcast(F, factors[f0 + 8 * block + 5]);
      a5 =
          FLOAT_VECTOR
              .cast(t.lanewise(LSHL, 16).lanewise(ASHR, 16).convert(I2F, 0))
              .fma(f.mul(v), a5);
      b5 = FLOAT_VECTOR.cast(t.lanewise(ASHR, 16).convert(I2F, 0)).fma(g.mul(v), b5);
      t = s6.reinterpretAsInts();
      v = FloatVector.broadcast(F, factors[f0 + 8 * block + 6]);
      a6 =
          FLOAT_VECTOR
              .cast(t.lanewise(LSHL, 16).lanewise(ASHR, 16).convert(I2F, 0))
              .fma(f.mul(v), a6);
      b6 = FLOAT_VECTOR.cast(t.lanewise(ASHR, 16).convert(I2F, 0)).fma(g.mul(v), b6);
      t = s7.reinterpretAsInts();
      v = FloatVector.broadcast(F, factors[f0 + 8 * block + 7]);
      a7 =
          FLOAT_VECTOR
              .cast(t.lanewise(LSHL, 16).lanewise(ASHR, 16).convert(I2F, 0))
              .fma(f.mul(v), a7);
      b7 = FLOAT_VECTOR.cast(t.lanewise(ASHR, 16).convert(I2F, 0)).fma(g.mul(v), b7);
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
