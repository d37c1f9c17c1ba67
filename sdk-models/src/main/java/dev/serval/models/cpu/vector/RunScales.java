package dev.serval.models.cpu.vector;

import static dev.serval.models.cpu.vector.Lanes.FLOAT_VECTOR;
import static dev.serval.models.cpu.vector.Lanes.INT_VECTOR;
import static jdk.incubator.vector.VectorOperators.B2F;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_B2I;

import dev.serval.api.compute.DType;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/** What a run of columns is multiplied by in each lane, and what is added then. */
final class RunScales {
  /** Added where nothing is: unlike +0, it leaves a −0 as it is. */
  private static final float NOTHING = -0.0f;

  private static final int W = Lanes.WIDTH;
  private static final int L = Lanes.COUNT;
  private static final VectorSpecies<Byte> B = Lanes.BYTES;
  private static final VectorSpecies<Integer> I = Lanes.INTS;
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final ByteOrder LE = Lanes.ORDER;
  private static final int SUB_BLOCK = 32;
  private static final int SIX_BITS = 0x3F;
  private static final int PAIRS = 4;
  private static final int FRACTION_BITS = 23;

  /** 2<sup>−127</sup>, which is too small to be normal. */
  private static final int SMALLEST = 0x0040_0000;

  final float[] factors = new float[W];
  final float[] offsets = new float[W];

  /** Those of the upper half of a run, where it has its own. */
  final float[] secondFactors = new float[W];

  /** The block's own scale and minimum, where runs have scales of theirs. */
  private final float[] scale = new float[W];

  private final float[] minimum = new float[W];

  /**
   * Reads the scales of the run that begins with an element, if they are not those of the run
   * before it.
   */
  void read(DType dtype, MemorySegment data, long block, int element, boolean first) {
    boolean newBlock = first || element == 0;
    switch (dtype) {
      case Q5_0 -> ofBlock(newBlock, data, block);
      case Q4_1, Q5_1 -> {
        if (newBlock) {
          halves(data, block, factors);
          halves(data, block + 2L * W, offsets);
        }
      }
      case Q4_K, Q5_K -> ofSubBlock(newBlock, data, block, element);
      case MXFP4 -> exponents(newBlock, data, block);
      case Q6_K -> signed(newBlock, data, block, element);
      default -> throw new IllegalArgumentException(dtype + " is read otherwise");
    }
  }

  private void ofBlock(boolean read, MemorySegment data, long block) {
    if (read) {
      halves(data, block, factors);
      Arrays.fill(offsets, NOTHING);
    }
  }

  /** Half of 2 to the power of an octet less 127; of infinity, which 255 becomes, no number. */
  private void exponents(boolean read, MemorySegment data, long block) {
    if (read) {
      exponents(data, block, factors);
    }
  }

  private static void exponents(MemorySegment data, long at, float[] to) {
    for (int v = 0; v < W; v += L) {
      FloatVector scales =
          FLOAT_VECTOR.cast(
              INT_VECTOR
                  .cast(
                      ByteVector.fromMemorySegment(B, data, at + v, LE)
                          .convertShape(ZERO_EXTEND_B2I, I, 0))
                  .lanewise(LSHL, FRACTION_BITS)
                  .max(SMALLEST)
                  .reinterpretAsFloats());
      scales.sub(scales.mul(0.5f)).intoArray(to, v);
    }
  }

  private static void halves(MemorySegment data, long from, float[] to) {
    Binary16.widen(data, from, 0, W, to, 0, 0, 1);
  }

  /**
   * Twelve octets hold eight pairs of six bits: the first four in the lower six bits of octets 0 to
   * 3 and 4 to 7; of the last four, the lower four bits in octets 8 to 11, the upper two in the
   * upper bits of the others.
   */
  private void ofSubBlock(boolean newBlock, MemorySegment data, long block, int element) {
    if (newBlock) {
      halves(data, block, scale);
      halves(data, block + 2L * W, minimum);
    }
    if (newBlock || element % SUB_BLOCK == 0) {
      int pair = element / SUB_BLOCK;
      long pairs = block + 4L * W;
      if (pair < PAIRS) {
        sixBits(data, pairs + (long) pair * W, scale, 1, factors);
        sixBits(data, pairs + (long) (pair + PAIRS) * W, minimum, -1, offsets);
      } else {
        long low = pairs + (long) (pair + PAIRS) * W;
        splitBits(data, low, 0, pairs + (long) (pair - PAIRS) * W, scale, 1, factors);
        splitBits(data, low, 4, pairs + (long) pair * W, minimum, -1, offsets);
      }
    }
  }

  private static void sixBits(MemorySegment data, long at, float[] by, float sign, float[] to) {
    for (int v = 0; v < W; v += L) {
      IntVector octets =
          INT_VECTOR.cast(
              ByteVector.fromMemorySegment(B, data, at + v, LE)
                  .convertShape(ZERO_EXTEND_B2I, I, 0));
      FLOAT_VECTOR
          .cast(octets.and(SIX_BITS).convertShape(I2F, F, 0))
          .mul(FloatVector.fromArray(F, by, v))
          .mul(sign)
          .intoArray(to, v);
    }
  }

  private static void splitBits(
      MemorySegment data, long low, int shift, long high, float[] by, float sign, float[] to) {
    for (int v = 0; v < W; v += L) {
      IntVector upper =
          INT_VECTOR.cast(
              ByteVector.fromMemorySegment(B, data, high + v, LE)
                  .convertShape(ZERO_EXTEND_B2I, I, 0));
      IntVector lower =
          INT_VECTOR.cast(
              ByteVector.fromMemorySegment(B, data, low + v, LE)
                  .convertShape(ZERO_EXTEND_B2I, I, 0));
      IntVector bits =
          lower.lanewise(LSHR, shift).and(0xF).or(upper.lanewise(LSHR, 6).lanewise(LSHL, 4));
      FLOAT_VECTOR
          .cast(bits.convertShape(I2F, F, 0))
          .mul(FloatVector.fromArray(F, by, v))
          .mul(sign)
          .intoArray(to, v);
    }
  }

  /** A signed octet for each sixteen columns, and the block's scale at its end. */
  private void signed(boolean newBlock, MemorySegment data, long block, int element) {
    if (newBlock) {
      halves(data, block + 208L * W, scale);
    }
    long at = block + (192L + element / 16) * W;
    signed(data, at, scale, factors);
    signed(data, at + W, scale, secondFactors);
    Arrays.fill(offsets, NOTHING);
  }

  private static void signed(MemorySegment data, long at, float[] by, float[] to) {
    for (int v = 0; v < W; v += L) {
      FLOAT_VECTOR
          .cast(ByteVector.fromMemorySegment(B, data, at + v, LE).convertShape(B2F, F, 0))
          .mul(FloatVector.fromArray(F, by, v))
          .intoArray(to, v);
    }
  }
}
