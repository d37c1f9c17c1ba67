package dev.serval.models.cpu.block;

import dev.serval.api.compute.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What sixteen neighbouring elements of a block are multiplied by, and what is added then. Rules of
 * common types have loops over lanes of their own, so that the compiler knows what is in them.
 */
abstract sealed class BlockScales {
  /** Added where nothing is: unlike +0, it leaves a −0 as it is. */
  private static final float NOTHING = -0.0f;

  private static final int SUB_BLOCK = 32;

  /** What is taken off a scale of 6 bits that has a sign. */
  private static final int SIGNED = 32;

  /** The rule of a type. */
  static BlockScales of(DType dtype) {
    return switch (dtype) {
      case Q4_0, Q5_0, Q8_0, IQ4_NL -> new OfBlock(false);
      case Q4_1, Q5_1 -> new OfBlock(true);
      case Q4_K, Q5_K -> new OfSubBlocks();
      case Q2_K -> new Nibbles();
      case Q3_K -> new SixBits();
      case IQ4_XS -> new SixBitsOfSubBlocks();
      case Q6_K -> new Signed();
      case MXFP4 -> new UpperHalf();
      case IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S, TQ1_0, TQ2_0 ->
          new Odd(ChosenNumbers.of(dtype).unit());
      case F32, F16, BF16 -> throw new IllegalArgumentException(dtype + " has no blocks");
    };
  }

  /** The factor of one lane for elements {@code 16 · part} to {@code 16 · part + 15}. */
  abstract float factor(MemorySegment data, long block, int lanes, int lane, int part);

  /** What is added. */
  abstract float offset(MemorySegment data, long block, int lanes, int lane, int part);

  /** Both, for all lanes. */
  void fill(MemorySegment data, long block, int lanes, int part, float[] factors, float[] offsets) {
    for (int lane = 0; lane < lanes; lane++) {
      factors[lane] = factor(data, block, lanes, lane, part);
      offsets[lane] = offset(data, block, lanes, lane, part);
    }
  }

  private static float half(MemorySegment data, long block, int lanes, int lane, int octet) {
    long at = block + ((long) (octet / 2) * lanes + lane) * Short.BYTES;
    return Float.float16ToFloat(data.get(ValueLayout.JAVA_SHORT, at));
  }

  private static int octet(MemorySegment data, long block, int lanes, int lane, int octet) {
    long at = block + ((long) (octet / 2) * lanes + lane) * Short.BYTES;
    return (data.get(ValueLayout.JAVA_SHORT, at) >>> (octet % 2 * Byte.SIZE)) & 0xFF;
  }

  /** One scale for the block, and for each 16 elements half of what multiplies it less 1. */
  private static final class Odd extends BlockScales {
    private final float unit;

    Odd(float unit) {
      this.unit = unit;
    }

    @Override
    float factor(MemorySegment data, long block, int lanes, int lane, int part) {
      int octet = octet(data, block, lanes, lane, CodedBlocks.SCALES + part / 2);
      int scale = octet >> (part % 2 * 4) & 0xF;
      return half(data, block, lanes, lane, 0) * (2 * scale + 1) * unit;
    }

    @Override
    float offset(MemorySegment data, long block, int lanes, int lane, int part) {
      return NOTHING;
    }
  }

  /** One scale for the block, and perhaps a minimum. */
  private static final class OfBlock extends BlockScales {
    private final boolean minimum;

    OfBlock(boolean minimum) {
      this.minimum = minimum;
    }

    @Override
    float factor(MemorySegment data, long block, int lanes, int lane, int part) {
      return half(data, block, lanes, lane, 0);
    }

    @Override
    float offset(MemorySegment data, long block, int lanes, int lane, int part) {
      return minimum ? half(data, block, lanes, lane, Short.BYTES) : NOTHING;
    }

    @Override
    void fill(
        MemorySegment data, long block, int lanes, int part, float[] factors, float[] offsets) {
      for (int lane = 0; lane < lanes; lane++) {
        factors[lane] = factor(data, block, lanes, lane, part);
        offsets[lane] = offset(data, block, lanes, lane, part);
      }
    }
  }

  /** The upper half of an F32 for the block. */
  private static final class UpperHalf extends BlockScales {
    @Override
    float factor(MemorySegment data, long block, int lanes, int lane, int part) {
      int bits = data.get(ValueLayout.JAVA_SHORT, block + (long) lane * Short.BYTES);
      return Float.intBitsToFloat(bits << Short.SIZE);
    }

    @Override
    float offset(MemorySegment data, long block, int lanes, int lane, int part) {
      return NOTHING;
    }
  }

  /**
   * Two scales for the block; for each 32 elements 6 bits that multiply one and 6 bits that
   * multiply the other. Twelve bytes hold them: the first four pairs in the lower 6 bits of bytes 0
   * to 3 and 4 to 7; of the last four, the lower 4 bits in bytes 8 to 11, the upper 2 in the upper
   * bits of the others.
   */
  private static final class OfSubBlocks extends BlockScales {
    private static final int FIRST = 2 * Short.BYTES;
    private static final int SIX_BITS = 0x3F;

    @Override
    float factor(MemorySegment data, long block, int lanes, int lane, int part) {
      int pair = part * 16 / SUB_BLOCK;
      int bits =
          pair < 4
              ? octet(data, block, lanes, lane, FIRST + pair) & SIX_BITS
              : (octet(data, block, lanes, lane, FIRST + pair + 4) & 0xF)
                  | (octet(data, block, lanes, lane, FIRST + pair - 4) >> 6 << 4);
      return half(data, block, lanes, lane, 0) * bits;
    }

    @Override
    float offset(MemorySegment data, long block, int lanes, int lane, int part) {
      int pair = part * 16 / SUB_BLOCK;
      int bits =
          pair < 4
              ? octet(data, block, lanes, lane, FIRST + pair + 4) & SIX_BITS
              : (octet(data, block, lanes, lane, FIRST + pair + 4) >> 4)
                  | (octet(data, block, lanes, lane, FIRST + pair) >> 6 << 4);
      return -(half(data, block, lanes, lane, Short.BYTES) * bits);
    }

    @Override
    void fill(
        MemorySegment data, long block, int lanes, int part, float[] factors, float[] offsets) {
      for (int lane = 0; lane < lanes; lane++) {
        factors[lane] = factor(data, block, lanes, lane, part);
        offsets[lane] = offset(data, block, lanes, lane, part);
      }
    }
  }

  /** One scale for the block, at its end, and for each 16 elements a signed byte before it. */
  private static final class Signed extends BlockScales {
    private static final int FIRST = 192;
    private static final int SCALE = 208;

    @Override
    float factor(MemorySegment data, long block, int lanes, int lane, int part) {
      byte signed = (byte) octet(data, block, lanes, lane, FIRST + part);
      return half(data, block, lanes, lane, SCALE) * signed;
    }

    @Override
    float offset(MemorySegment data, long block, int lanes, int lane, int part) {
      return NOTHING;
    }

    @Override
    void fill(
        MemorySegment data, long block, int lanes, int part, float[] factors, float[] offsets) {
      for (int lane = 0; lane < lanes; lane++) {
        factors[lane] = factor(data, block, lanes, lane, part);
        offsets[lane] = NOTHING;
      }
    }
  }

  /**
   * Two scales for the block, at its end; for each 16 elements a byte at its beginning, whose lower
   * half multiplies one and whose upper half multiplies the other.
   */
  private static final class Nibbles extends BlockScales {
    private static final int SCALE = 80;

    @Override
    float factor(MemorySegment data, long block, int lanes, int lane, int part) {
      return half(data, block, lanes, lane, SCALE) * (octet(data, block, lanes, lane, part) & 0xF);
    }

    @Override
    float offset(MemorySegment data, long block, int lanes, int lane, int part) {
      float scale = half(data, block, lanes, lane, SCALE + Short.BYTES);
      return -(scale * (octet(data, block, lanes, lane, part) >> 4));
    }
  }

  /**
   * One scale for the block, at its end, and 6 bits for each 16 elements: of the first eight the
   * lower 4 bits in the lower halves of eight bytes, of the others in the upper ones; the upper 2
   * bits of every fourth in one of four bytes.
   */
  private static final class SixBits extends BlockScales {
    private static final int FIRST = 96;
    private static final int UPPER = 104;
    private static final int SCALE = 108;

    @Override
    float factor(MemorySegment data, long block, int lanes, int lane, int part) {
      int lower = octet(data, block, lanes, lane, FIRST + part % 8) >> (part / 8 * 4) & 0xF;
      int upper = octet(data, block, lanes, lane, UPPER + part % 4) >> (part / 4 * 2) & 3;
      return half(data, block, lanes, lane, SCALE) * ((upper << 4 | lower) - SIGNED);
    }

    @Override
    float offset(MemorySegment data, long block, int lanes, int lane, int part) {
      return NOTHING;
    }
  }

  /**
   * One scale for the block, and 6 bits for each 32 elements: the lower 4 bits in the halves of
   * four bytes, the upper 2 in two bytes before them.
   */
  private static final class SixBitsOfSubBlocks extends BlockScales {
    private static final int UPPER = 2;
    private static final int FIRST = 4;

    @Override
    float factor(MemorySegment data, long block, int lanes, int lane, int part) {
      int group = part * 16 / SUB_BLOCK;
      int lower = octet(data, block, lanes, lane, FIRST + group / 2) >> (group % 2 * 4) & 0xF;
      int upper = octet(data, block, lanes, lane, UPPER + group / 4) >> (group % 4 * 2) & 3;
      return half(data, block, lanes, lane, 0) * ((upper << 4 | lower) - SIGNED);
    }

    @Override
    float offset(MemorySegment data, long block, int lanes, int lane, int part) {
      return NOTHING;
    }
  }
}
