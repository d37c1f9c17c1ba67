package dev.serval.gpu.compute;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.StoredTensor;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;

/** Matrices of block-wise types: random bits, and scales that give elements a size. */
final class RandomBlocks {
  /** The exponent of MXFP4's scale 1. */
  private static final int EXPONENT_OF_ONE = 127;

  private RandomBlocks() {}

  static StoredTensor matrix(
      String name, DType dtype, int rows, int columns, float size, Random random) {
    byte[] data = new byte[(int) dtype.bytes((long) rows * columns)];
    random.nextBytes(data);
    for (int block = 0; block < data.length; block += dtype.blockBytes()) {
      float sign = random.nextBoolean() ? 1 : -1;
      float scale = sign * size / spread(dtype) * (0.7f + 0.6f * random.nextFloat());
      if (dtype == DType.MXFP4) {
        data[block] = (byte) (EXPONENT_OF_ONE + Math.getExponent(scale));
        continue;
      }
      if (dtype == DType.IQ1_M) {
        spread(data, block, scale);
        continue;
      }
      half(data, block + scaleAt(dtype), scale);
      if (minimum(dtype) != 0) {
        half(data, block + scaleAt(dtype) + Short.BYTES, scale * minimum(dtype));
      }
    }
    return new StoredTensor(
        name, dtype, List.of((long) rows, (long) columns), MemorySegment.ofArray(data));
  }

  /** The root mean square of elements whose scale is 1 and whose mean the minimum takes away. */
  private static float spread(DType dtype) {
    return switch (dtype) {
      case Q4_0, Q4_1 -> 4.6f;
      case Q5_0, Q5_1 -> 9.2f;
      case Q8_0 -> 74;
      case Q2_K -> 14;
      case Q3_K -> 43;
      case Q4_K -> 256;
      case Q5_K -> 520;
      case Q6_K -> 1370;
      case IQ4_NL -> 65;
      case IQ4_XS -> 1200;
      case MXFP4 -> 2.2f;
      case IQ1_S, IQ1_M -> 7;
      case IQ2_XXS, IQ2_XS, IQ2_S -> 50;
      case IQ3_XXS -> 120;
      case IQ3_S -> 150;
      case TQ1_0, TQ2_0 -> 1;
      case F32, F16, BF16 -> throw new IllegalArgumentException(dtype + " has no blocks");
    };
  }

  /** The scale of minima, or the minimum itself, for a scale of 1. */
  private static float minimum(DType dtype) {
    return switch (dtype) {
      case Q4_1 -> -7.5f;
      case Q5_1 -> -15.5f;
      case Q2_K -> 1.5f;
      case Q4_K -> 7.5f;
      case Q5_K -> 15.5f;
      default -> 0;
    };
  }

  private static int scaleAt(DType dtype) {
    return switch (dtype) {
      case Q2_K -> 80;
      case Q3_K -> 108;
      case Q6_K -> 208;
      case TQ1_0 -> 52;
      case TQ2_0 -> 64;
      default -> 0;
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

  private static void half(byte[] data, int at, float value) {
    short bits = Float.floatToFloat16(value);
    data[at] = (byte) bits;
    data[at + 1] = (byte) (bits >> Byte.SIZE);
  }
}
