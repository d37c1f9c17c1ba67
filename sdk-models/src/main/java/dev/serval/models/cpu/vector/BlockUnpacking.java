package dev.serval.models.cpu.vector;

import static dev.serval.models.cpu.vector.Lanes.FLOAT_VECTOR;
import static dev.serval.models.cpu.vector.Lanes.INT_VECTOR;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_B2I;

import dev.serval.api.compute.DType;
import dev.serval.models.cpu.block.FourBitFloats;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.stream.IntStream;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Block-wise types with more than a scale: an octet of all lanes is a vector, see {@link
 * BlockOctets}. Each column is {@code factor · (q − bias) + offset}, fused, with the factors and
 * offsets of {@link RunScales}.
 */
abstract sealed class BlockUnpacking extends Unpacking {
  /** Columns that are unpacked together. */
  private static final int RUN = 32;

  private static final int NIBBLE = 0xF;
  private static final int W = Lanes.WIDTH;
  private static final int L = Lanes.COUNT;
  private static final VectorSpecies<Byte> B = Lanes.BYTES;
  private static final VectorSpecies<Integer> I = Lanes.INTS;
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final ByteOrder LE = Lanes.ORDER;

  final DType dtype;
  final int firstNibbles;

  /** What is taken from an element before it is multiplied. */
  final int bias;

  private BlockUnpacking(DType dtype) {
    this.dtype = dtype;
    firstNibbles = BlockOctets.of(dtype).first;
    bias = dtype == DType.Q5_0 ? 16 : dtype == DType.Q6_K ? 32 : 0;
  }

  static BlockUnpacking of(DType dtype) {
    return switch (dtype) {
      case Q4_1, Q4_K -> new Nibbles(dtype);
      case MXFP4 -> new Floats(dtype);
      case Q5_0 -> new FiveBits(dtype, 2);
      case Q5_1 -> new FiveBits(dtype, 4);
      case Q5_K, Q6_K -> new MoreBits(dtype);
      default ->
          throw new IllegalArgumentException(dtype + " has no minima or scales of its own parts");
    };
  }

  @Override
  final void unpack(
      MemorySegment data, long panel, int firstColumn, int count, LinearScratch own, int at) {
    for (int i = 0; i < count; i += RUN) {
      int column = firstColumn + i;
      int element = column % dtype.blockElements();
      long block = panel + (long) (column / dtype.blockElements()) * dtype.blockBytes() * W;
      own.scales.read(dtype, data, block, element, i == 0);
      run(data, block, element, own, at + i * W);
    }
  }

  /** Unpacks some columns with the scales that were read. */
  abstract void run(MemorySegment data, long block, int element, LinearScratch own, int to);

  private static long octet(long block, int octet) {
    return block + (long) octet * W;
  }

  /** A nibble an element. */
  private static final class Nibbles extends BlockUnpacking {
    Nibbles(DType dtype) {
      super(dtype);
    }

    @Override
    void run(MemorySegment data, long block, int element, LinearScratch own, int to) {
      RunScales scales = own.scales;
      long from = octet(block, firstNibbles + element / 2);
      nibbles(data, from, scales.factors, scales.offsets, own.tile, to);
    }

    private static void nibbles(
        MemorySegment data, long from, float[] factors, float[] offsets, float[] tile, int to) {
      FloatVector f0 = FloatVector.fromArray(F, factors, 0);
      FloatVector f1 = FloatVector.fromArray(F, factors, L);
      FloatVector o0 = FloatVector.fromArray(F, offsets, 0);
      FloatVector o1 = FloatVector.fromArray(F, offsets, L);
      for (int i = 0; i < RUN / 2; i++) {
        IntVector left =
            INT_VECTOR.cast(
                ByteVector.fromMemorySegment(B, data, from + (long) i * W, LE)
                    .convertShape(ZERO_EXTEND_B2I, I, 0));
        IntVector right =
            INT_VECTOR.cast(
                ByteVector.fromMemorySegment(B, data, from + (long) i * W + L, LE)
                    .convertShape(ZERO_EXTEND_B2I, I, 0));
        int at = to + 2 * i * W;
        FLOAT_VECTOR.cast(left.and(NIBBLE).convertShape(I2F, F, 0)).fma(f0, o0).intoArray(tile, at);
        FLOAT_VECTOR
            .cast(right.and(NIBBLE).convertShape(I2F, F, 0))
            .fma(f1, o1)
            .intoArray(tile, at + L);
        FLOAT_VECTOR
            .cast(left.lanewise(LSHR, 4).convertShape(I2F, F, 0))
            .fma(f0, o0)
            .intoArray(tile, at + W);
        FLOAT_VECTOR
            .cast(right.lanewise(LSHR, 4).convertShape(I2F, F, 0))
            .fma(f1, o1)
            .intoArray(tile, at + W + L);
      }
    }
  }

  /** A nibble an element: three bits that choose a magnitude, and a sign. */
  private static final class Floats extends BlockUnpacking {
    private static final int MAGNITUDE = 7;
    private static final int SIGN = 8;
    private static final int TO_SIGN = 28;

    /** The bits of each as F32, as often as a vector has room for all. */
    private static final int[] MAGNITUDES =
        IntStream.range(0, L)
            .map(i -> Float.floatToIntBits(FourBitFloats.doubled(i & MAGNITUDE)))
            .toArray();

    Floats(DType dtype) {
      super(dtype);
    }

    @Override
    void run(MemorySegment data, long block, int element, LinearScratch own, int to) {
      for (int v = 0; v < W; v += L) {
        numbers(data, octet(block, firstNibbles) + v, own.scales.factors, v, own.tile, to + v);
      }
    }

    private static void numbers(
        MemorySegment data, long from, float[] factors, int v, float[] tile, int to) {
      IntVector magnitudes = IntVector.fromArray(I, MAGNITUDES, 0);
      FloatVector f = FloatVector.fromArray(F, factors, v);
      FloatVector unsigned = FloatVector.zero(F);
      for (int i = 0; i < RUN / 2; i++) {
        IntVector first =
            INT_VECTOR.cast(
                ByteVector.fromMemorySegment(B, data, from + (long) i * W, LE)
                    .convertShape(ZERO_EXTEND_B2I, I, 0));
        IntVector second = first.lanewise(LSHR, 4);
        FLOAT_VECTOR
            .cast(
                INT_VECTOR
                    .cast(first.and(MAGNITUDE).selectFrom(magnitudes))
                    .or(first.and(SIGN).lanewise(LSHL, TO_SIGN))
                    .reinterpretAsFloats())
            .fma(f, unsigned)
            .intoArray(tile, to + 2 * i * W);
        FLOAT_VECTOR
            .cast(
                INT_VECTOR
                    .cast(second.and(MAGNITUDE).selectFrom(magnitudes))
                    .or(second.and(SIGN).lanewise(LSHL, TO_SIGN))
                    .reinterpretAsFloats())
            .fma(f, unsigned)
            .intoArray(tile, to + 2 * i * W + W);
      }
    }
  }

  /** A nibble an element, and a word of fifth bits for all. */
  private static final class FiveBits extends BlockUnpacking {
    private final int firstBits;

    FiveBits(DType dtype, int firstBits) {
      super(dtype);
      this.firstBits = firstBits;
    }

    @Override
    void run(MemorySegment data, long block, int element, LinearScratch own, int to) {
      RunScales scales = own.scales;
      for (int v = 0; v < W; v += L) {
        long low = octet(block, firstNibbles) + v;
        long high = octet(block, firstBits) + v;
        bits(data, low, high, scales.factors, scales.offsets, bias, v, own.tile, to + v);
      }
    }

    private static void bits(
        MemorySegment data,
        long from,
        long highFrom,
        float[] factors,
        float[] offsets,
        int bias,
        int v,
        float[] tile,
        int to) {
      FloatVector f = FloatVector.fromArray(F, factors, v);
      FloatVector o = FloatVector.fromArray(F, offsets, v);
      for (int i = 0; i < RUN / 2; i++) {
        IntVector high =
            INT_VECTOR
                .cast(
                    ByteVector.fromMemorySegment(B, data, highFrom + (long) (i >> 2) * W, LE)
                        .convertShape(ZERO_EXTEND_B2I, I, 0))
                .lanewise(LSHR, 2 * i & 7);
        IntVector low =
            INT_VECTOR.cast(
                ByteVector.fromMemorySegment(B, data, from + (long) i * W, LE)
                    .convertShape(ZERO_EXTEND_B2I, I, 0));
        IntVector first = high.and(1).lanewise(LSHL, 4).or(low.and(NIBBLE));
        IntVector second = high.and(2).lanewise(LSHL, 3).or(low.lanewise(LSHR, 4));
        FLOAT_VECTOR
            .cast(first.sub(bias).convertShape(I2F, F, 0))
            .fma(f, o)
            .intoArray(tile, to + 2 * i * W);
        FLOAT_VECTOR
            .cast(second.sub(bias).convertShape(I2F, F, 0))
            .fma(f, o)
            .intoArray(tile, to + 2 * i * W + W);
      }
    }
  }

  /**
   * A nibble an element, and one or two upper bits in octets that several elements share: Q5_K has
   * 32 octets for all, Q6_K 32 for each 128 elements. The latter has scales for 16 columns each.
   */
  private static final class MoreBits extends BlockUnpacking {
    private static final int SCALED = 16;

    private final boolean six;

    MoreBits(DType dtype) {
      super(dtype);
      six = dtype == DType.Q6_K;
    }

    @Override
    void run(MemorySegment data, long block, int element, LinearScratch own, int to) {
      long low = octet(block, firstNibbles + element / 2);
      long high = octet(block, six ? 128 + element / 128 * 32 : 16);
      int shift = six ? element % 128 / 32 * 2 : element / 32;
      for (int v = 0; v < W; v += L) {
        run(data, low + v, high + v, shift, own.scales, v, own.tile, to + v);
      }
    }

    private void run(
        MemorySegment data,
        long low,
        long high,
        int shift,
        RunScales s,
        int v,
        float[] tile,
        int to) {
      int mask = six ? 3 : 1;
      float[] f = six ? s.secondFactors : s.factors;
      float[] o = s.offsets;
      bits(data, low, high, shift, mask, s.factors, s.offsets, bias, v, tile, to);
      long upper = low + (long) SCALED / 2 * W;
      bits(
          data, upper, high + (long) SCALED * W, shift, mask, f, o, bias, v, tile, to + SCALED * W);
    }

    private static void bits(
        MemorySegment data,
        long from,
        long highFrom,
        int shift,
        int mask,
        float[] factors,
        float[] offsets,
        int bias,
        int v,
        float[] tile,
        int to) {
      FloatVector f = FloatVector.fromArray(F, factors, v);
      FloatVector o = FloatVector.fromArray(F, offsets, v);
      for (int i = 0; i < SCALED / 2; i++) {
        IntVector low =
            INT_VECTOR.cast(
                ByteVector.fromMemorySegment(B, data, from + (long) i * W, LE)
                    .convertShape(ZERO_EXTEND_B2I, I, 0));
        IntVector first =
            INT_VECTOR
                .cast(
                    ByteVector.fromMemorySegment(B, data, highFrom + 2L * i * W, LE)
                        .convertShape(ZERO_EXTEND_B2I, I, 0))
                .lanewise(LSHR, shift)
                .and(mask)
                .lanewise(LSHL, 4)
                .or(low.and(NIBBLE));
        IntVector second =
            INT_VECTOR
                .cast(
                    ByteVector.fromMemorySegment(B, data, highFrom + (2L * i + 1) * W, LE)
                        .convertShape(ZERO_EXTEND_B2I, I, 0))
                .lanewise(LSHR, shift)
                .and(mask)
                .lanewise(LSHL, 4)
                .or(low.lanewise(LSHR, 4));
        FLOAT_VECTOR
            .cast(first.sub(bias).convertShape(I2F, F, 0))
            .fma(f, o)
            .intoArray(tile, to + 2 * i * W);
        FLOAT_VECTOR
            .cast(second.sub(bias).convertShape(I2F, F, 0))
            .fma(f, o)
            .intoArray(tile, to + 2 * i * W + W);
      }
    }
  }
}
