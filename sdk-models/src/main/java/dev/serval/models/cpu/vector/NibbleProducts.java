package dev.serval.models.cpu.vector;

import static dev.serval.models.cpu.vector.Lanes.FLOAT_VECTOR;
import static dev.serval.models.cpu.vector.Lanes.INT_VECTOR;
import static dev.serval.models.cpu.vector.Lanes.WIDE_SHORT_VECTOR;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.S2I;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_B2S;

import dev.serval.models.cpu.linear.LinearWork;
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
  /** The most panels that are multiplied together. */
  static final int MOST_PANELS = 2;

  private static final int PAIRS = NibbleLayout.BLOCK / 2;
  private static final int STEP = NibbleInputs.STEP;
  private static final int SUMS = LinearScratch.SUM_STEP;
  private static final int BLOCK_BYTES = NibbleLayout.BLOCK_BYTES;
  private static final int SCALES = NibbleLayout.SCALES;

  private static final int HALF_BITS = Binary16.WIDENED_BITS;
  private static final float UP = Binary16.UP;
  private static final float DOWN = Binary16.DOWN;
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
   * Multiplies a group of rows with one or two panels: {@code sums[row][lane] = Σ inputs[row][k] ·
   * panel[lane][k]}.
   *
   * @param data the matrix
   * @param panel where the first panel begins
   * @param panels how many panels there are, at most {@link #MOST_PANELS}
   * @param in the inputs
   * @param product whose
   * @param group which group of them
   * @param sums the sums, {@link LinearScratch#SUM_STEP} from row to row
   * @param sumAt where those of the first row begin
   */
  static void multiply(
      MemorySegment data,
      long panel,
      int panels,
      NibbleInputs in,
      LinearWork product,
      int group,
      float[] sums,
      int sumAt) {
    int blocks = in.blocks();
    short[] x = in.codes();
    int x0 = in.codesAt(product, group);
    float[] f = in.factors();
    int f0 = in.factorsAt(product, group);
    int size = NibbleInputs.size(product, group);
    if (size > 1 && panels == MOST_PANELS) {
      fourByTwo(data, panel, blocks, x, x0, f, f0, sums, sumAt);
      return;
    }
    for (int i = 0; i < panels; i++) {
      long at = panel + (long) i * blocks * BLOCK_BYTES;
      if (size == 1) {
        one(data, at, blocks, x, x0, f, f0, sums, sumAt + i * W);
      } else {
        four(data, at, blocks, x, x0, f, f0, sums, sumAt + i * W);
      }
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
      for (int i = 0; i < PAIRS; i++) {
        long pair = at + (long) i * W;
        ShortVector q =
            WIDE_SHORT_VECTOR.cast(
                ByteVector.fromMemorySegment(B, data, pair, LE)
                    .convertShape(ZERO_EXTEND_B2S, S, 0));
        ShortVector v = ShortVector.broadcast(S, x[k + 2 * i + 1]);
        s0 = q.mul(v).add(s0);
        q = q.lanewise(LSHR, 4);
        v = ShortVector.broadcast(S, x[k + 2 * i + 2]);
        s0 = q.mul(v).add(s0);
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
      FloatVector y = FloatVector.broadcast(F, factors[f0 + block]);
      IntVector n = s0.reinterpretAsInts();
      a0 =
          FLOAT_VECTOR
              .cast(n.lanewise(LSHL, 16).lanewise(ASHR, 16).convertShape(I2F, F, 0))
              .fma(f.mul(y), a0);
      b0 = FLOAT_VECTOR.cast(n.lanewise(ASHR, 16).convertShape(I2F, F, 0)).fma(g.mul(y), b0);
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
      ShortVector s1 = ShortVector.broadcast(S, x[k + STEP]);
      ShortVector s2 = ShortVector.broadcast(S, x[k + 2 * STEP]);
      ShortVector s3 = ShortVector.broadcast(S, x[k + 3 * STEP]);
      for (int i = 0; i < PAIRS; i++) {
        long pair = at + (long) i * W;
        ShortVector q =
            WIDE_SHORT_VECTOR.cast(
                ByteVector.fromMemorySegment(B, data, pair, LE)
                    .convertShape(ZERO_EXTEND_B2S, S, 0));
        ShortVector v = ShortVector.broadcast(S, x[k + 2 * i + 1]);
        s0 = q.mul(v).add(s0);
        v = ShortVector.broadcast(S, x[k + STEP + 2 * i + 1]);
        s1 = q.mul(v).add(s1);
        v = ShortVector.broadcast(S, x[k + 2 * STEP + 2 * i + 1]);
        s2 = q.mul(v).add(s2);
        v = ShortVector.broadcast(S, x[k + 3 * STEP + 2 * i + 1]);
        s3 = q.mul(v).add(s3);
        q = q.lanewise(LSHR, 4);
        v = ShortVector.broadcast(S, x[k + 2 * i + 2]);
        s0 = q.mul(v).add(s0);
        v = ShortVector.broadcast(S, x[k + STEP + 2 * i + 2]);
        s1 = q.mul(v).add(s1);
        v = ShortVector.broadcast(S, x[k + 2 * STEP + 2 * i + 2]);
        s2 = q.mul(v).add(s2);
        v = ShortVector.broadcast(S, x[k + 3 * STEP + 2 * i + 2]);
        s3 = q.mul(v).add(s3);
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
      FloatVector y = FloatVector.broadcast(F, factors[f0 + 4 * block]);
      IntVector n = s0.reinterpretAsInts();
      a0 =
          FLOAT_VECTOR
              .cast(n.lanewise(LSHL, 16).lanewise(ASHR, 16).convertShape(I2F, F, 0))
              .fma(f.mul(y), a0);
      b0 = FLOAT_VECTOR.cast(n.lanewise(ASHR, 16).convertShape(I2F, F, 0)).fma(g.mul(y), b0);
      y = FloatVector.broadcast(F, factors[f0 + 4 * block + 1]);
      n = s1.reinterpretAsInts();
      a1 =
          FLOAT_VECTOR
              .cast(n.lanewise(LSHL, 16).lanewise(ASHR, 16).convertShape(I2F, F, 0))
              .fma(f.mul(y), a1);
      b1 = FLOAT_VECTOR.cast(n.lanewise(ASHR, 16).convertShape(I2F, F, 0)).fma(g.mul(y), b1);
      y = FloatVector.broadcast(F, factors[f0 + 4 * block + 2]);
      n = s2.reinterpretAsInts();
      a2 =
          FLOAT_VECTOR
              .cast(n.lanewise(LSHL, 16).lanewise(ASHR, 16).convertShape(I2F, F, 0))
              .fma(f.mul(y), a2);
      b2 = FLOAT_VECTOR.cast(n.lanewise(ASHR, 16).convertShape(I2F, F, 0)).fma(g.mul(y), b2);
      y = FloatVector.broadcast(F, factors[f0 + 4 * block + 3]);
      n = s3.reinterpretAsInts();
      a3 =
          FLOAT_VECTOR
              .cast(n.lanewise(LSHL, 16).lanewise(ASHR, 16).convertShape(I2F, F, 0))
              .fma(f.mul(y), a3);
      b3 = FLOAT_VECTOR.cast(n.lanewise(ASHR, 16).convertShape(I2F, F, 0)).fma(g.mul(y), b3);
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

  /** Four rows, two panels: an input is spread over a vector once for both. */
  private static void fourByTwo(
      MemorySegment data,
      long panel,
      int blocks,
      short[] x,
      int x0,
      float[] factors,
      int f0,
      float[] sums,
      int sumAt) {
    long next = (long) blocks * BLOCK_BYTES;
    FloatVector a0 = FloatVector.zero(F);
    FloatVector b0 = a0;
    FloatVector c0 = a0;
    FloatVector d0 = a0;
    FloatVector a1 = FloatVector.zero(F);
    FloatVector b1 = a1;
    FloatVector c1 = a1;
    FloatVector d1 = a1;
    FloatVector a2 = FloatVector.zero(F);
    FloatVector b2 = a2;
    FloatVector c2 = a2;
    FloatVector d2 = a2;
    FloatVector a3 = FloatVector.zero(F);
    FloatVector b3 = a3;
    FloatVector c3 = a3;
    FloatVector d3 = a3;
    for (int block = 0; block < blocks; block++) {
      long at = panel + (long) block * BLOCK_BYTES;
      int k = x0 + block * 4 * STEP;
      ShortVector s0 = ShortVector.broadcast(S, x[k]);
      ShortVector t0 = s0;
      ShortVector s1 = ShortVector.broadcast(S, x[k + STEP]);
      ShortVector t1 = s1;
      ShortVector s2 = ShortVector.broadcast(S, x[k + 2 * STEP]);
      ShortVector t2 = s2;
      ShortVector s3 = ShortVector.broadcast(S, x[k + 3 * STEP]);
      ShortVector t3 = s3;
      for (int i = 0; i < PAIRS; i++) {
        long pair = at + (long) i * W;
        ShortVector q =
            WIDE_SHORT_VECTOR.cast(
                ByteVector.fromMemorySegment(B, data, pair, LE)
                    .convertShape(ZERO_EXTEND_B2S, S, 0));
        ShortVector p =
            WIDE_SHORT_VECTOR.cast(
                ByteVector.fromMemorySegment(B, data, pair + next, LE)
                    .convertShape(ZERO_EXTEND_B2S, S, 0));
        ShortVector v = ShortVector.broadcast(S, x[k + 2 * i + 1]);
        s0 = q.mul(v).add(s0);
        t0 = p.mul(v).add(t0);
        v = ShortVector.broadcast(S, x[k + STEP + 2 * i + 1]);
        s1 = q.mul(v).add(s1);
        t1 = p.mul(v).add(t1);
        v = ShortVector.broadcast(S, x[k + 2 * STEP + 2 * i + 1]);
        s2 = q.mul(v).add(s2);
        t2 = p.mul(v).add(t2);
        v = ShortVector.broadcast(S, x[k + 3 * STEP + 2 * i + 1]);
        s3 = q.mul(v).add(s3);
        t3 = p.mul(v).add(t3);
        q = q.lanewise(LSHR, 4);
        p = p.lanewise(LSHR, 4);
        v = ShortVector.broadcast(S, x[k + 2 * i + 2]);
        s0 = q.mul(v).add(s0);
        t0 = p.mul(v).add(t0);
        v = ShortVector.broadcast(S, x[k + STEP + 2 * i + 2]);
        s1 = q.mul(v).add(s1);
        t1 = p.mul(v).add(t1);
        v = ShortVector.broadcast(S, x[k + 2 * STEP + 2 * i + 2]);
        s2 = q.mul(v).add(s2);
        t2 = p.mul(v).add(t2);
        v = ShortVector.broadcast(S, x[k + 3 * STEP + 2 * i + 2]);
        s3 = q.mul(v).add(s3);
        t3 = p.mul(v).add(t3);
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
      FloatVector h =
          INT_VECTOR
              .cast(
                  ShortVector.fromMemorySegment(H, data, at + next + SCALES, LE)
                      .convertShape(S2I, I, 0))
              .lanewise(LSHL, 13)
              .and(HALF_BITS)
              .reinterpretAsFloats()
              .mul(UP)
              .mul(UP)
              .mul(DOWN);
      FloatVector m =
          INT_VECTOR
              .cast(
                  ShortVector.fromMemorySegment(H, data, at + next + SCALES + W, LE)
                      .convertShape(S2I, I, 0))
              .lanewise(LSHL, 13)
              .and(HALF_BITS)
              .reinterpretAsFloats()
              .mul(UP)
              .mul(UP)
              .mul(DOWN);
      FloatVector y = FloatVector.broadcast(F, factors[f0 + 4 * block]);
      IntVector n = s0.reinterpretAsInts();
      a0 =
          FLOAT_VECTOR
              .cast(n.lanewise(LSHL, 16).lanewise(ASHR, 16).convertShape(I2F, F, 0))
              .fma(f.mul(y), a0);
      b0 = FLOAT_VECTOR.cast(n.lanewise(ASHR, 16).convertShape(I2F, F, 0)).fma(g.mul(y), b0);
      n = t0.reinterpretAsInts();
      c0 =
          FLOAT_VECTOR
              .cast(n.lanewise(LSHL, 16).lanewise(ASHR, 16).convertShape(I2F, F, 0))
              .fma(h.mul(y), c0);
      d0 = FLOAT_VECTOR.cast(n.lanewise(ASHR, 16).convertShape(I2F, F, 0)).fma(m.mul(y), d0);
      y = FloatVector.broadcast(F, factors[f0 + 4 * block + 1]);
      n = s1.reinterpretAsInts();
      a1 =
          FLOAT_VECTOR
              .cast(n.lanewise(LSHL, 16).lanewise(ASHR, 16).convertShape(I2F, F, 0))
              .fma(f.mul(y), a1);
      b1 = FLOAT_VECTOR.cast(n.lanewise(ASHR, 16).convertShape(I2F, F, 0)).fma(g.mul(y), b1);
      n = t1.reinterpretAsInts();
      c1 =
          FLOAT_VECTOR
              .cast(n.lanewise(LSHL, 16).lanewise(ASHR, 16).convertShape(I2F, F, 0))
              .fma(h.mul(y), c1);
      d1 = FLOAT_VECTOR.cast(n.lanewise(ASHR, 16).convertShape(I2F, F, 0)).fma(m.mul(y), d1);
      y = FloatVector.broadcast(F, factors[f0 + 4 * block + 2]);
      n = s2.reinterpretAsInts();
      a2 =
          FLOAT_VECTOR
              .cast(n.lanewise(LSHL, 16).lanewise(ASHR, 16).convertShape(I2F, F, 0))
              .fma(f.mul(y), a2);
      b2 = FLOAT_VECTOR.cast(n.lanewise(ASHR, 16).convertShape(I2F, F, 0)).fma(g.mul(y), b2);
      n = t2.reinterpretAsInts();
      c2 =
          FLOAT_VECTOR
              .cast(n.lanewise(LSHL, 16).lanewise(ASHR, 16).convertShape(I2F, F, 0))
              .fma(h.mul(y), c2);
      d2 = FLOAT_VECTOR.cast(n.lanewise(ASHR, 16).convertShape(I2F, F, 0)).fma(m.mul(y), d2);
      y = FloatVector.broadcast(F, factors[f0 + 4 * block + 3]);
      n = s3.reinterpretAsInts();
      a3 =
          FLOAT_VECTOR
              .cast(n.lanewise(LSHL, 16).lanewise(ASHR, 16).convertShape(I2F, F, 0))
              .fma(f.mul(y), a3);
      b3 = FLOAT_VECTOR.cast(n.lanewise(ASHR, 16).convertShape(I2F, F, 0)).fma(g.mul(y), b3);
      n = t3.reinterpretAsInts();
      c3 =
          FLOAT_VECTOR
              .cast(n.lanewise(LSHL, 16).lanewise(ASHR, 16).convertShape(I2F, F, 0))
              .fma(h.mul(y), c3);
      d3 = FLOAT_VECTOR.cast(n.lanewise(ASHR, 16).convertShape(I2F, F, 0)).fma(m.mul(y), d3);
    }
    FLOAT_VECTOR.cast(a0).intoArray(sums, sumAt);
    FLOAT_VECTOR.cast(b0).intoArray(sums, sumAt + L);
    FLOAT_VECTOR.cast(c0).intoArray(sums, sumAt + 2 * L);
    FLOAT_VECTOR.cast(d0).intoArray(sums, sumAt + 3 * L);
    FLOAT_VECTOR.cast(a1).intoArray(sums, sumAt + SUMS);
    FLOAT_VECTOR.cast(b1).intoArray(sums, sumAt + SUMS + L);
    FLOAT_VECTOR.cast(c1).intoArray(sums, sumAt + SUMS + 2 * L);
    FLOAT_VECTOR.cast(d1).intoArray(sums, sumAt + SUMS + 3 * L);
    FLOAT_VECTOR.cast(a2).intoArray(sums, sumAt + 2 * SUMS);
    FLOAT_VECTOR.cast(b2).intoArray(sums, sumAt + 2 * SUMS + L);
    FLOAT_VECTOR.cast(c2).intoArray(sums, sumAt + 2 * SUMS + 2 * L);
    FLOAT_VECTOR.cast(d2).intoArray(sums, sumAt + 2 * SUMS + 3 * L);
    FLOAT_VECTOR.cast(a3).intoArray(sums, sumAt + 3 * SUMS);
    FLOAT_VECTOR.cast(b3).intoArray(sums, sumAt + 3 * SUMS + L);
    FLOAT_VECTOR.cast(c3).intoArray(sums, sumAt + 3 * SUMS + 2 * L);
    FLOAT_VECTOR.cast(d3).intoArray(sums, sumAt + 3 * SUMS + 3 * L);
  }
}
