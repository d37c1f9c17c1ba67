package dev.serval.models.cpu.block;

import dev.serval.api.compute.DType;
import java.util.Random;

/**
 * Block-wise types as F32, block after block, straight from the format's description: slow, and
 * written without a look at the kernels.
 */
public final class Dequantisation {
  private Dequantisation() {}

  public static float[] expand(DType dtype, byte[] data) {
    int blocks = data.length / dtype.blockBytes();
    float[] values = new float[blocks * dtype.blockElements()];
    for (int block = 0; block < blocks; block++) {
      expand(dtype, data, block * dtype.blockBytes(), values, block * dtype.blockElements());
    }
    return values;
  }

  /** Random blocks whose scales are numbers of moderate size. */
  public static byte[] random(DType dtype, int elements, Random random) {
    byte[] data = new byte[(int) dtype.bytes(elements)];
    random.nextBytes(data);
    for (int block = 0; block < data.length; block += dtype.blockBytes()) {
      scale(dtype, data, block, random);
    }
    return data;
  }

  private static void scale(DType dtype, byte[] data, int block, Random random) {
    if (dtype == DType.MXFP4) {
      data[block] = (byte) random.nextInt(115, 128);
      return;
    }
    if (dtype == DType.IQ1_M) {
      spread(data, block, (float) random.nextGaussian() / 16);
      return;
    }
    int at = block + scaleAt(dtype);
    half(data, at, random);
    if (hasMinimum(dtype)) {
      half(data, at + 2, random);
    }
  }

  /** Makes a block's scale 1, and that of its minima, if it has any, ½. */
  public static void normalise(DType dtype, byte[] block) {
    if (dtype == DType.MXFP4) {
      block[0] = 127;
      return;
    }
    if (dtype == DType.IQ1_M) {
      spread(block, 0, 1);
      return;
    }
    half(block, scaleAt(dtype), 1);
    if (hasMinimum(dtype)) {
      half(block, scaleAt(dtype) + 2, 0.5f);
    }
  }

  /** Where a block's scale is. */
  public static int scaleAt(DType dtype) {
    return switch (dtype) {
      case Q2_K -> 80;
      case Q3_K -> 108;
      case Q6_K -> 208;
      case TQ1_0 -> 52;
      case TQ2_0 -> 64;
      default -> 0;
    };
  }

  /** Whether that of its minima follows it. */
  public static boolean hasMinimum(DType dtype) {
    return switch (dtype) {
      case Q4_1, Q5_1, Q2_K, Q4_K, Q5_K -> true;
      default -> false;
    };
  }

  /** Puts a scale into the upper halves of four of a block's last bytes. */
  private static void spread(byte[] data, int block, float value) {
    int bits = Float.floatToFloat16(value);
    for (int i = 0; i < 4; i++) {
      int at = block + 49 + 2 * i;
      data[at] = (byte) ((data[at] & 15) | (((bits >> (4 * i)) & 15) << 4));
    }
  }

  private static void half(byte[] data, int at, Random random) {
    half(data, at, (float) random.nextGaussian() / 16);
  }

  private static void half(byte[] data, int at, float value) {
    short bits = Float.floatToFloat16(value);
    data[at] = (byte) bits;
    data[at + 1] = (byte) (bits >> 8);
  }

  private static void expand(DType dtype, byte[] b, int at, float[] y, int to) {
    switch (dtype) {
      case Q4_0 -> {
        for (int i = 0; i < 16; i++) {
          y[to + i] = ((b[at + 2 + i] & 15) - 8) * f16(b, at);
          y[to + i + 16] = (((b[at + 2 + i] >> 4) & 15) - 8) * f16(b, at);
        }
      }
      case Q4_1 -> {
        for (int i = 0; i < 16; i++) {
          y[to + i] = (b[at + 4 + i] & 15) * f16(b, at) + f16(b, at + 2);
          y[to + i + 16] = ((b[at + 4 + i] >> 4) & 15) * f16(b, at) + f16(b, at + 2);
        }
      }
      case Q5_0 -> {
        int high = u32(b, at + 2);
        for (int i = 0; i < 16; i++) {
          int low = (b[at + 6 + i] & 15) | (((high >>> i) & 1) << 4);
          int up = ((b[at + 6 + i] >> 4) & 15) | (((high >>> (i + 16)) & 1) << 4);
          y[to + i] = (low - 16) * f16(b, at);
          y[to + i + 16] = (up - 16) * f16(b, at);
        }
      }
      case Q5_1 -> {
        int high = u32(b, at + 4);
        for (int i = 0; i < 16; i++) {
          int low = (b[at + 8 + i] & 15) | (((high >>> i) & 1) << 4);
          int up = ((b[at + 8 + i] >> 4) & 15) | (((high >>> (i + 16)) & 1) << 4);
          y[to + i] = low * f16(b, at) + f16(b, at + 2);
          y[to + i + 16] = up * f16(b, at) + f16(b, at + 2);
        }
      }
      case Q8_0 -> {
        for (int i = 0; i < 32; i++) {
          y[to + i] = b[at + 2 + i] * f16(b, at);
        }
      }
      case Q4_K -> subBlocks(b, at, at + 16, -1, y, to);
      case Q5_K -> subBlocks(b, at, at + 48, at + 16, y, to);
      case Q6_K -> {
        for (int half = 0; half < 2; half++) {
          sixBits(
              b,
              at + 64 * half,
              at + 128 + 32 * half,
              at + 192 + 8 * half,
              f16(b, at + 208),
              y,
              to + 128 * half);
        }
      }
      case Q2_K -> twoBits(b, at, y, to);
      case Q3_K -> threeBits(b, at, y, to);
      case IQ4_NL -> chosen(b, at + 2, f16(b, at), y, to);
      case MXFP4 -> {
        for (int i = 0; i < 16; i++) {
          y[to + i] = fourBits(b[at + 1 + i] & 15, b[at] & 255);
          y[to + i + 16] = fourBits((b[at + 1 + i] >> 4) & 15, b[at] & 255);
        }
      }
      case IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S, TQ1_0, TQ2_0 ->
          new CodedElements(dtype, b, at).expand(y, to);
      case IQ4_XS -> {
        int high = u32(b, at) >>> 16;
        for (int group = 0; group < 8; group++) {
          int low = (b[at + 4 + group / 2] >> (4 * (group % 2))) & 15;
          int scale = (low | ((high >> (2 * group)) & 3) << 4) - 32;
          chosen(b, at + 8 + 16 * group, f16(b, at) * scale, y, to + 32 * group);
        }
      }
      default -> throw new IllegalArgumentException(dtype.toString());
    }
  }

  private static void subBlocks(byte[] b, int at, int low, int high, float[] y, int to) {
    for (int j = 0; j < 8; j++) {
      int[] pair = pair(b, at + 4, j);
      float d = f16(b, at) * pair[0];
      float m = f16(b, at + 2) * pair[1];
      for (int i = 0; i < 32; i++) {
        int q = (b[low + j / 2 * 32 + i] >> (j % 2 * 4)) & 15;
        if (high >= 0) {
          q |= ((b[high + i] >> j) & 1) << 4;
        }
        y[to + 32 * j + i] = d * q - m;
      }
    }
  }

  private static int[] pair(byte[] b, int at, int j) {
    if (j < 4) {
      return new int[] {b[at + j] & 63, b[at + j + 4] & 63};
    }
    return new int[] {
      (b[at + j + 4] & 15) | (((b[at + j - 4] >> 6) & 3) << 4),
      ((b[at + j + 4] >> 4) & 15) | (((b[at + j] >> 6) & 3) << 4)
    };
  }

  private static void sixBits(byte[] b, int low, int high, int scales, float d, float[] y, int to) {
    for (int i = 0; i < 32; i++) {
      int q1 = (b[low + i] & 15) | ((b[high + i] & 3) << 4);
      int q2 = (b[low + i + 32] & 15) | (((b[high + i] >> 2) & 3) << 4);
      int q3 = ((b[low + i] >> 4) & 15) | (((b[high + i] >> 4) & 3) << 4);
      int q4 = ((b[low + i + 32] >> 4) & 15) | (((b[high + i] >> 6) & 3) << 4);
      y[to + i] = d * b[scales + i / 16] * (q1 - 32);
      y[to + i + 32] = d * b[scales + i / 16 + 2] * (q2 - 32);
      y[to + i + 64] = d * b[scales + i / 16 + 4] * (q3 - 32);
      y[to + i + 96] = d * b[scales + i / 16 + 6] * (q4 - 32);
    }
  }

  private static void twoBits(byte[] b, int at, float[] y, int to) {
    for (int i = 0; i < 256; i++) {
      int pair = b[at + i / 16] & 255;
      int q = (b[at + 16 + i / 128 * 32 + i % 32] >> (i / 32 % 4 * 2)) & 3;
      float scaled = f16(b, at + 80) * (pair & 15) * q;
      y[to + i] = scaled - f16(b, at + 82) * (pair >> 4);
    }
  }

  private static void threeBits(byte[] b, int at, float[] y, int to) {
    for (int i = 0; i < 256; i++) {
      int q = (b[at + 32 + i / 128 * 32 + i % 32] >> (i / 32 % 4 * 2)) & 3;
      if ((b[at + i % 32] & (1 << (i / 32))) == 0) {
        q -= 4;
      }
      y[to + i] = f16(b, at + 108) * sixteenth(b, at + 96, i / 16) * q;
    }
  }

  /** One of sixteen signed scales in twelve bytes. */
  public static int sixteenth(byte[] b, int at, int part) {
    int low = part < 8 ? b[at + part] & 15 : (b[at + part - 8] >> 4) & 15;
    int high = (b[at + 8 + part % 4] >> (2 * (part / 4))) & 3;
    return low + 16 * high - 32;
  }

  private static void chosen(byte[] b, int from, float d, float[] y, int to) {
    int[] numbers = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
    for (int i = 0; i < 16; i++) {
      y[to + i] = d * numbers[b[from + i] & 15];
      y[to + i + 16] = d * numbers[(b[from + i] >> 4) & 15];
    }
  }

  /** A sign, two bits of exponent and one of fraction; what is 0 has no sign. */
  private static float fourBits(int bits, int scale) {
    int exponent = (bits >> 1) & 3;
    int fraction = bits & 1;
    float magnitude = exponent == 0 ? fraction * 0.5f : (1 << (exponent - 1)) * (1 + fraction / 2f);
    float value = bits > 8 ? -magnitude : magnitude;
    return scale == 255 ? Float.NaN : Math.scalb(value, scale - 127);
  }

  private static float f16(byte[] b, int at) {
    return Float.float16ToFloat((short) ((b[at] & 255) | (b[at + 1] << 8)));
  }

  private static int u32(byte[] b, int at) {
    return (b[at] & 255) | ((b[at + 1] & 255) << 8) | ((b[at + 2] & 255) << 16) | (b[at + 3] << 24);
  }
}
