package dev.serval.models.cpu.vector;

import static jdk.incubator.vector.VectorOperators.B2F;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_B2I;

import dev.serval.api.compute.DType;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Types with a scale for each 32 columns and nothing else. A panel has the octets of all its
 * columns first, then the scales of all blocks: so a loop over columns needs no other inside, which
 * would be too short to be fast.
 */
abstract sealed class ScaledUnpacking extends Unpacking {
  private static final int BLOCK = 32;
  private static final int BLOCK_SHIFT = 5;
  private static final long SCALES = (long) Short.BYTES * Lanes.WIDTH;
  private static final int NIBBLE = 0xF;
  private static final int W = Lanes.WIDTH;
  private static final int L = Lanes.COUNT;
  private static final VectorSpecies<Byte> B = Lanes.BYTES;
  private static final VectorSpecies<Integer> I = Lanes.INTS;
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final ByteOrder LE = Lanes.ORDER;

  private final long scalesAt;

  private ScaledUnpacking(PanelLayout layout) {
    scalesAt = scalesAt(layout.dtype(), layout.columns());
  }

  /** Whether a type is one of these. */
  static boolean has(DType dtype) {
    return dtype == DType.Q8_0 || dtype == DType.Q4_0;
  }

  /** Where the scales begin in a panel, in bytes. */
  static long scalesAt(DType dtype, int columns) {
    return (dtype.bytes(columns) - (long) columns / BLOCK * Short.BYTES) * W;
  }

  static ScaledUnpacking of(PanelLayout layout) {
    return layout.dtype() == DType.Q8_0 ? new Octets(layout) : new Nibbles(layout);
  }

  @Override
  final void unpack(
      MemorySegment data, long panel, int firstColumn, int count, LinearScratch own, int at) {
    long scales = panel + scalesAt + (long) (firstColumn / BLOCK) * Short.BYTES * W;
    Binary16.widen(data, scales, SCALES, W, own.rowScales, 0, 2 * W, count / BLOCK);
    unpackColumns(data, panel, firstColumn, count, own, at);
  }

  abstract void unpackColumns(
      MemorySegment data, long panel, int firstColumn, int count, LinearScratch own, int at);

  @Override
  final boolean multipliesRows() {
    return true;
  }

  @Override
  final void multiplyRow(
      MemorySegment data, long panel, long next, int columns, LinearScratch own, int sumAt) {
    int blocks = columns / BLOCK;
    Binary16.widen(data, panel + scalesAt, SCALES, W, own.rowScales, 0, 2 * W, blocks);
    Binary16.widen(data, next + scalesAt, SCALES, W, own.rowScales, W, 2 * W, blocks);
    multiplyColumns(data, panel, next, columns, own, sumAt);
  }

  abstract void multiplyColumns(
      MemorySegment data, long panel, long next, int columns, LinearScratch own, int sumAt);

  /** One octet an element, signed. */
  private static final class Octets extends ScaledUnpacking {
    Octets(PanelLayout layout) {
      super(layout);
    }

    @Override
    void unpackColumns(
        MemorySegment data, long panel, int firstColumn, int count, LinearScratch own, int at) {
      octets(data, panel + (long) firstColumn * W, count, own.rowScales, own.tile, at);
    }

    private static void octets(
        MemorySegment data, long from, int count, float[] scales, float[] tile, int to) {
      for (int i = 0; i < count; i++) {
        long at = from + (long) i * W;
        int scale = (i >> BLOCK_SHIFT) * 2 * W;
        ((FloatVector) ByteVector.fromMemorySegment(B, data, at, LE).convertShape(B2F, F, 0))
            .mul(FloatVector.fromArray(F, scales, scale))
            .intoArray(tile, to + i * W);
        ((FloatVector) ByteVector.fromMemorySegment(B, data, at + L, LE).convertShape(B2F, F, 0))
            .mul(FloatVector.fromArray(F, scales, scale + L))
            .intoArray(tile, to + i * W + L);
      }
    }

    @Override
    void multiplyColumns(
        MemorySegment data, long panel, long next, int columns, LinearScratch own, int sumAt) {
      row(data, panel, next, columns, own.rowScales, own.inputs, own.sums, sumAt);
    }

    private static void row(
        MemorySegment data,
        long p,
        long n,
        int columns,
        float[] scales,
        float[] x,
        float[] sums,
        int sumAt) {
      FloatVector a = FloatVector.zero(F);
      FloatVector b = a;
      FloatVector c = a;
      FloatVector d = a;
      for (int i = 0; i < columns; i++) {
        long at = (long) i * W;
        int scale = (i >> BLOCK_SHIFT) * 2 * W;
        FloatVector v = FloatVector.broadcast(F, x[i]);
        FloatVector q =
            (FloatVector) ByteVector.fromMemorySegment(B, data, p + at, LE).convertShape(B2F, F, 0);
        a = q.mul(FloatVector.fromArray(F, scales, scale)).fma(v, a);
        q =
            (FloatVector)
                ByteVector.fromMemorySegment(B, data, p + at + L, LE).convertShape(B2F, F, 0);
        b = q.mul(FloatVector.fromArray(F, scales, scale + L)).fma(v, b);
        q = (FloatVector) ByteVector.fromMemorySegment(B, data, n + at, LE).convertShape(B2F, F, 0);
        c = q.mul(FloatVector.fromArray(F, scales, scale + W)).fma(v, c);
        q =
            (FloatVector)
                ByteVector.fromMemorySegment(B, data, n + at + L, LE).convertShape(B2F, F, 0);
        d = q.mul(FloatVector.fromArray(F, scales, scale + W + L)).fma(v, d);
      }
      a.intoArray(sums, sumAt);
      b.intoArray(sums, sumAt + L);
      c.intoArray(sums, sumAt + W);
      d.intoArray(sums, sumAt + W + L);
    }
  }

  /** A nibble an element, less 8. */
  private static final class Nibbles extends ScaledUnpacking {
    Nibbles(PanelLayout layout) {
      super(layout);
    }

    @Override
    void unpackColumns(
        MemorySegment data, long panel, int firstColumn, int count, LinearScratch own, int at) {
      long from = panel + (long) firstColumn / 2 * W;
      nibbles(data, from, 0, count / 2, own.rowScales, own.tile, at);
      nibbles(data, from, L, count / 2, own.rowScales, own.tile, at);
    }

    private static void nibbles(
        MemorySegment data, long from, int v, int pairs, float[] scales, float[] tile, int to) {
      for (int i = 0; i < pairs; i++) {
        FloatVector scale = FloatVector.fromArray(F, scales, (i >> (BLOCK_SHIFT - 1)) * 2 * W + v);
        IntVector both =
            (IntVector)
                ByteVector.fromMemorySegment(B, data, from + v + (long) i * W, LE)
                    .convertShape(ZERO_EXTEND_B2I, I, 0);
        ((FloatVector) both.and(NIBBLE).sub(8).convert(I2F, 0))
            .mul(scale)
            .intoArray(tile, to + v + 2 * i * W);
        ((FloatVector) both.lanewise(LSHR, 4).sub(8).convert(I2F, 0))
            .mul(scale)
            .intoArray(tile, to + v + 2 * i * W + W);
      }
    }

    @Override
    void multiplyColumns(
        MemorySegment data, long panel, long next, int columns, LinearScratch own, int sumAt) {
      row(data, panel, next, columns / 2, own.rowScales, own.inputs, own.sums, sumAt);
    }

    private static void row(
        MemorySegment data,
        long p,
        long n,
        int pairs,
        float[] scales,
        float[] x,
        float[] sums,
        int sumAt) {
      FloatVector a = FloatVector.zero(F);
      FloatVector b = a;
      FloatVector c = a;
      FloatVector d = a;
      for (int i = 0; i < pairs; i++) {
        long at = (long) i * W;
        int scale = (i >> (BLOCK_SHIFT - 1)) * 2 * W;
        FloatVector v = FloatVector.broadcast(F, x[2 * i]);
        FloatVector w = FloatVector.broadcast(F, x[2 * i + 1]);
        FloatVector f = FloatVector.fromArray(F, scales, scale);
        IntVector q =
            (IntVector)
                ByteVector.fromMemorySegment(B, data, p + at, LE)
                    .convertShape(ZERO_EXTEND_B2I, I, 0);
        a = ((FloatVector) q.and(NIBBLE).sub(8).convert(I2F, 0)).mul(f).fma(v, a);
        a = ((FloatVector) q.lanewise(LSHR, 4).sub(8).convert(I2F, 0)).mul(f).fma(w, a);
        f = FloatVector.fromArray(F, scales, scale + L);
        q =
            (IntVector)
                ByteVector.fromMemorySegment(B, data, p + at + L, LE)
                    .convertShape(ZERO_EXTEND_B2I, I, 0);
        b = ((FloatVector) q.and(NIBBLE).sub(8).convert(I2F, 0)).mul(f).fma(v, b);
        b = ((FloatVector) q.lanewise(LSHR, 4).sub(8).convert(I2F, 0)).mul(f).fma(w, b);
        f = FloatVector.fromArray(F, scales, scale + W);
        q =
            (IntVector)
                ByteVector.fromMemorySegment(B, data, n + at, LE)
                    .convertShape(ZERO_EXTEND_B2I, I, 0);
        c = ((FloatVector) q.and(NIBBLE).sub(8).convert(I2F, 0)).mul(f).fma(v, c);
        c = ((FloatVector) q.lanewise(LSHR, 4).sub(8).convert(I2F, 0)).mul(f).fma(w, c);
        f = FloatVector.fromArray(F, scales, scale + W + L);
        q =
            (IntVector)
                ByteVector.fromMemorySegment(B, data, n + at + L, LE)
                    .convertShape(ZERO_EXTEND_B2I, I, 0);
        d = ((FloatVector) q.and(NIBBLE).sub(8).convert(I2F, 0)).mul(f).fma(v, d);
        d = ((FloatVector) q.lanewise(LSHR, 4).sub(8).convert(I2F, 0)).mul(f).fma(w, d);
      }
      a.intoArray(sums, sumAt);
      b.intoArray(sums, sumAt + L);
      c.intoArray(sums, sumAt + W);
      d.intoArray(sums, sumAt + W + L);
    }
  }
}
