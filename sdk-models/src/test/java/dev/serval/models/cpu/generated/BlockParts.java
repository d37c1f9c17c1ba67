package dev.serval.models.cpu.generated;

import dev.serval.api.compute.DType;
import dev.serval.models.cpu.block.ChosenNumbers;
import dev.serval.models.cpu.block.CodedBlocks;
import dev.serval.models.cpu.block.Dequantisation;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * A group of 32 elements of a stored block: {@code code · scale − minimum}. Codes are read off what
 * the block expands to when its scales are set to 1 and its minima to 0.
 *
 * @param codes integers, their offset taken off
 * @param scales one for the group, or one for each half
 * @param minima what is taken off, as many; its sign turned for types that add it; or none
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record BlockParts(int[] codes, float[] scales, float[] minima) {
  private static final byte ONE_UPPER = 0x3C;

  /** The exponent of 2, with which elements of MXFP4 are integers. */
  private static final int TWO = 128;

  static BlockParts of(DType dtype, byte[] block, int group) {
    if (CodedBlocks.covers(dtype)) {
      return coded(dtype, block, group);
    }
    int at = Dequantisation.scaleAt(dtype);
    float d = dtype == DType.MXFP4 ? halvedScale(block) : half(block, at);
    int[] codes = codes(dtype, block, group);
    return switch (dtype) {
      case Q8_0, Q4_0, Q5_0, IQ4_NL, MXFP4 -> new BlockParts(codes, floats(d), floats());
      case Q4_1, Q5_1 -> new BlockParts(codes, floats(d), floats(-half(block, 2)));
      case Q4_K, Q5_K -> {
        int[] pair = pair(block, group);
        yield new BlockParts(codes, floats(d * pair[0]), floats(half(block, 2) * pair[1]));
      }
      case Q6_K ->
          new BlockParts(
              codes, floats(d * block[192 + 2 * group], d * block[193 + 2 * group]), floats());
      case Q2_K -> {
        int first = block[2 * group] & 0xFF;
        int second = block[2 * group + 1] & 0xFF;
        float e = half(block, at + 2);
        yield new BlockParts(
            codes,
            floats(d * (first & 15), d * (second & 15)),
            floats(e * (first >> 4), e * (second >> 4)));
      }
      case Q3_K -> {
        int first = Dequantisation.sixteenth(block, 96, 2 * group);
        int second = Dequantisation.sixteenth(block, 96, 2 * group + 1);
        yield new BlockParts(codes, floats(d * first, d * second), floats());
      }
      case IQ4_XS -> {
        int low = block[4 + group / 2] >> (group % 2 * 4) & 15;
        int high = block[2 + group / 4] >> (group % 4 * 2) & 3;
        yield new BlockParts(codes, floats(d * (low + 16 * high - 32)), floats());
      }
      default -> throw new IllegalArgumentException(dtype.toString());
    };
  }

  /** Those of blocks of nibbles, which choose from numbers that are multiples of a unit. */
  private static BlockParts coded(DType dtype, byte[] block, int group) {
    byte[] nibbles =
        CodedBlocks.row(dtype, MemorySegment.ofArray(block)).toArray(ValueLayout.JAVA_BYTE);
    ChosenNumbers numbers = ChosenNumbers.of(dtype);
    float d = half(nibbles, 0) * numbers.unit();
    int scales = nibbles[CodedBlocks.SCALES + group];
    int[] codes = new int[32];
    for (int i = 0; i < 32; i++) {
      int both = nibbles[CodedBlocks.NIBBLES + 16 * group + i % 16];
      codes[i] = numbers.at(both >> (i / 16 * 4) & 15);
    }
    float[] factors = {d * (2 * (scales & 15) + 1), d * (2 * (scales >> 4 & 15) + 1)};
    boolean ofGroups = IntegerForm.of(dtype).orElseThrow().sections() == 1;
    return new BlockParts(codes, ofGroups ? floats(factors[0]) : factors, floats());
  }

  private static float[] floats(float... values) {
    return values;
  }

  private static int[] codes(DType dtype, byte[] block, int group) {
    byte[] plain = block.clone();
    setScale(dtype, plain);
    switch (dtype) {
      case Q4_1, Q5_1 -> Arrays.fill(plain, 2, 4, (byte) 0);
      case Q4_K, Q5_K -> {
        Arrays.fill(plain, 2, 4, (byte) 0);
        Arrays.fill(plain, 4, 8, (byte) 1);
        Arrays.fill(plain, 8, 12, (byte) 0);
        Arrays.fill(plain, 12, 16, (byte) 1);
      }
      case Q6_K -> Arrays.fill(plain, 192, 208, (byte) 1);
      case Q2_K -> {
        Arrays.fill(plain, 82, 84, (byte) 0);
        Arrays.fill(plain, 0, 16, (byte) 1);
      }
      case Q3_K -> {
        Arrays.fill(plain, 96, 104, (byte) 0x11);
        Arrays.fill(plain, 104, 108, (byte) 0xAA);
      }
      case IQ4_XS -> {
        Arrays.fill(plain, 2, 4, (byte) 0xAA);
        Arrays.fill(plain, 4, 8, (byte) 0x11);
      }
      default -> {}
    }
    float[] values = Dequantisation.expand(dtype, plain);
    int[] codes = new int[32];
    Arrays.setAll(codes, i -> (int) values[32 * group + i]);
    return codes;
  }

  private static void setScale(DType dtype, byte[] block) {
    if (dtype == DType.MXFP4) {
      block[0] = (byte) TWO;
      return;
    }
    int at = Dequantisation.scaleAt(dtype);
    block[at] = 0;
    block[at + 1] = ONE_UPPER;
  }

  /** That of the elements doubled, which are integers. */
  private static float halvedScale(byte[] block) {
    int exponent = block[0] & 0xFF;
    return exponent == 0xFF ? Float.NaN : Math.scalb(1f, exponent - TWO);
  }

  private static int[] pair(byte[] block, int group) {
    if (group < 4) {
      return new int[] {block[4 + group] & 63, block[8 + group] & 63};
    }
    int both = block[8 + group] & 0xFF;
    return new int[] {
      (both & 15) | (block[group] & 0xC0) >> 2, both >> 4 | (block[4 + group] & 0xC0) >> 2
    };
  }

  private static float half(byte[] block, int at) {
    return Float.float16ToFloat((short) ((block[at] & 0xFF) | block[at + 1] << 8));
  }
}
