package dev.serval.models.cpu.generated;

import dev.serval.api.compute.DType;
import dev.serval.models.cpu.Dequantisation;
import java.util.Arrays;

/**
 * A group of 32 elements of a stored block: {@code code · scale − minimum}. Codes are read off what
 * the block expands to when its scales are set to 1 and its minima to 0.
 *
 * @param codes integers, their offset taken off
 * @param scales one for the group, or one for each half
 * @param minimum what is taken off; its sign turned for types that add it
 * @param hasMinimum whether there is one
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record BlockParts(int[] codes, float[] scales, float minimum, boolean hasMinimum) {
  private static final byte ONE_UPPER = 0x3C;

  static BlockParts of(DType dtype, byte[] block, int group) {
    int at = dtype == DType.Q6_K ? 208 : 0;
    float d = half(block, at);
    return switch (dtype) {
      case Q8_0, Q4_0, Q5_0 ->
          new BlockParts(codes(dtype, block, group), new float[] {d}, 0, false);
      case Q4_1, Q5_1 ->
          new BlockParts(codes(dtype, block, group), new float[] {d}, -half(block, 2), true);
      case Q4_K, Q5_K -> {
        int[] pair = pair(block, group);
        yield new BlockParts(
            codes(dtype, block, group), new float[] {d * pair[0]}, half(block, 2) * pair[1], true);
      }
      case Q6_K ->
          new BlockParts(
              codes(dtype, block, group),
              new float[] {d * block[192 + 2 * group], d * block[193 + 2 * group]},
              0,
              false);
      default -> throw new IllegalArgumentException(dtype.toString());
    };
  }

  private static int[] codes(DType dtype, byte[] block, int group) {
    byte[] plain = block.clone();
    int at = dtype == DType.Q6_K ? 208 : 0;
    plain[at] = 0;
    plain[at + 1] = ONE_UPPER;
    switch (dtype) {
      case Q4_1, Q5_1 -> Arrays.fill(plain, 2, 4, (byte) 0);
      case Q4_K, Q5_K -> {
        Arrays.fill(plain, 2, 4, (byte) 0);
        Arrays.fill(plain, 4, 8, (byte) 1);
        Arrays.fill(plain, 8, 12, (byte) 0);
        Arrays.fill(plain, 12, 16, (byte) 1);
      }
      case Q6_K -> Arrays.fill(plain, 192, 208, (byte) 1);
      default -> {}
    }
    float[] values = Dequantisation.expand(dtype, plain);
    int[] codes = new int[32];
    Arrays.setAll(codes, i -> (int) values[32 * group + i]);
    return codes;
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
