package dev.serval.models.cpu.vector;

import dev.serval.api.compute.DType;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** What a run of columns is multiplied by in each lane, and what is added then. */
final class BlockScales {
  /** Added where nothing is: unlike +0, it leaves a −0 as it is. */
  private static final float NOTHING = -0.0f;

  private static final int SUB_BLOCK = 32;
  private static final int SIX_BITS = 0x3F;
  private static final int PAIRS = 4;

  final float[] factors = new float[Lanes.WIDTH];
  final float[] offsets = new float[Lanes.WIDTH];

  /** Those of the upper half of a run, where it has its own. */
  final float[] secondFactors = new float[Lanes.WIDTH];

  /** The block's own scale and minimum, where runs have scales of theirs. */
  private final float[] scale = new float[Lanes.WIDTH];

  private final float[] minimum = new float[Lanes.WIDTH];

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
          halves(data, block + 2L * Lanes.WIDTH, offsets);
        }
      }
      case Q4_K, Q5_K -> ofSubBlock(newBlock, data, block, element);
      case Q6_K -> signed(newBlock, data, block, element);
      case F32, F16, BF16, Q8_0, Q4_0 -> throw new IllegalArgumentException(dtype + " is simple");
    }
  }

  private void ofBlock(boolean read, MemorySegment data, long block) {
    if (read) {
      halves(data, block, factors);
      Arrays.fill(offsets, NOTHING);
    }
  }

  private static void halves(MemorySegment data, long from, float[] to) {
    halves(data, from, 0, 1, to, 0);
  }

  /** A binary16 of each lane, for several blocks; those of every other panel. */
  static void halves(MemorySegment data, long from, long apart, int blocks, float[] to, int at) {
    for (int block = 0; block < blocks; block++) {
      for (int v = 0; v < Lanes.WIDTH; v += Lanes.COUNT) {
        Lanes.halves(Lanes.shorts(data, from + block * apart + (long) v * Short.BYTES))
            .intoArray(to, at + block * 2 * Lanes.WIDTH + v);
      }
    }
  }

  /**
   * Twelve octets hold eight pairs of six bits: the first four in the lower six bits of octets 0 to
   * 3 and 4 to 7; of the last four, the lower four bits in octets 8 to 11, the upper two in the
   * upper bits of the others.
   */
  private void ofSubBlock(boolean newBlock, MemorySegment data, long block, int element) {
    if (newBlock) {
      halves(data, block, scale);
      halves(data, block + 2L * Lanes.WIDTH, minimum);
    }
    if (newBlock || element % SUB_BLOCK == 0) {
      int pair = element / SUB_BLOCK;
      long pairs = block + 4L * Lanes.WIDTH;
      if (pair < PAIRS) {
        sixBits(data, pairs + (long) pair * Lanes.WIDTH, scale, 1, factors);
        sixBits(data, pairs + (long) (pair + PAIRS) * Lanes.WIDTH, minimum, -1, offsets);
      } else {
        long low = pairs + (long) (pair + PAIRS) * Lanes.WIDTH;
        splitBits(data, low, 0, pairs + (long) (pair - PAIRS) * Lanes.WIDTH, scale, 1, factors);
        splitBits(data, low, 4, pairs + (long) pair * Lanes.WIDTH, minimum, -1, offsets);
      }
    }
  }

  private static void sixBits(MemorySegment data, long at, float[] by, float sign, float[] to) {
    for (int v = 0; v < Lanes.WIDTH; v += Lanes.COUNT) {
      IntVector bits = Lanes.octets(data, at + v).and(SIX_BITS);
      Lanes.floats(bits).mul(Lanes.floats(by, v)).mul(sign).intoArray(to, v);
    }
  }

  private static void splitBits(
      MemorySegment data, long low, int shift, long high, float[] by, float sign, float[] to) {
    for (int v = 0; v < Lanes.WIDTH; v += Lanes.COUNT) {
      IntVector upper =
          Lanes.octets(data, high + v)
              .lanewise(VectorOperators.LSHR, 6)
              .lanewise(VectorOperators.LSHL, 4);
      IntVector bits =
          Lanes.octets(data, low + v).lanewise(VectorOperators.LSHR, shift).and(0xF).or(upper);
      Lanes.floats(bits).mul(Lanes.floats(by, v)).mul(sign).intoArray(to, v);
    }
  }

  /** A signed octet for each sixteen columns, and the block's scale at its end. */
  private void signed(boolean newBlock, MemorySegment data, long block, int element) {
    if (newBlock) {
      halves(data, block + 208L * Lanes.WIDTH, scale);
    }
    long at = block + (192L + element / 16) * Lanes.WIDTH;
    signed(data, at, scale, factors);
    signed(data, at + Lanes.WIDTH, scale, secondFactors);
    Arrays.fill(offsets, NOTHING);
  }

  private static void signed(MemorySegment data, long at, float[] by, float[] to) {
    for (int v = 0; v < Lanes.WIDTH; v += Lanes.COUNT) {
      Lanes.signed(data, at + v).mul(Lanes.floats(by, v)).intoArray(to, v);
    }
  }
}
