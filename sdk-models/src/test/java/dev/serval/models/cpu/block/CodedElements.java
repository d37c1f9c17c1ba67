package dev.serval.models.cpu.block;

import dev.serval.api.compute.CodeBook;
import dev.serval.api.compute.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Elements of types with code books, one by one, as llama.cpp's formulas have them. */
final class CodedElements {
  private final DType dtype;
  private final ByteBuffer block;

  CodedElements(DType dtype, byte[] data, int at) {
    this.dtype = dtype;
    block = ByteBuffer.wrap(data, at, dtype.blockBytes()).slice().order(ByteOrder.LITTLE_ENDIAN);
  }

  /** All of a block. */
  void expand(float[] to, int at) {
    for (int i = 0; i < 256; i++) {
      to[at + i] = element(i);
    }
  }

  private float element(int i) {
    return switch (dtype) {
      case IQ1_S -> {
        int high = u16(34 + i / 32 * 2);
        float delta = (high & 0x8000) == 0 ? 0.125f : -0.125f;
        int entry = u8(2 + i / 8) + 256 * (high >> (3 * (i / 8 % 4)) & 7);
        yield d(0) * (2 * (high >> 12 & 7) + 1) * (CodeBook.IQ1.number(entry, i % 8) + delta);
      }
      case IQ1_M -> {
        int bits =
            u16(48) >> 12 | (u16(50) >> 8 & 0xF0) | (u16(52) >> 4 & 0xF00) | (u16(54) & 0xF000);
        int high = u8(32 + i / 16) >> (i / 8 % 2 * 4) & 15;
        float delta = (high & 8) == 0 ? 0.125f : -0.125f;
        int entry = u8(i / 8) + 256 * (high & 7);
        int scale = u16(48 + i / 64 * 2) >> (i / 16 % 4 * 3) & 7;
        float d = Float.float16ToFloat((short) bits) * (2 * scale + 1);
        yield d * (CodeBook.IQ1.number(entry, i % 8) + delta);
      }
      case IQ2_XXS -> {
        int rest = block.getInt(2 + i / 32 * 8 + 4);
        int entry = u8(2 + i / 32 * 8 + i / 8 % 4);
        float d = d(0) * (0.5f + (rest >>> 28)) * 0.25f;
        yield d * CodeBook.IQ2_XXS.number(entry, i % 8) * evenly(rest >>> (7 * (i / 8 % 4)), i % 8);
      }
      case IQ2_XS -> {
        int code = u16(2 + i / 8 * 2);
        float d = d(0) * (0.5f + nibble(66, i / 16)) * 0.25f;
        yield d * CodeBook.IQ2_XS.number(code & 511, i % 8) * evenly(code >> 9, i % 8);
      }
      case IQ2_S -> {
        int entry = u8(2 + i / 8) + 256 * (u8(66 + i / 32) >> (2 * (i / 8 % 4)) & 3);
        float d = d(0) * (0.5f + nibble(74, i / 16)) * 0.25f;
        yield d * CodeBook.IQ2_S.number(entry, i % 8) * sign(u8(34 + i / 8), i % 8);
      }
      case IQ3_XXS -> {
        int rest = block.getInt(66 + i / 32 * 4);
        float d = d(0) * (0.5f + (rest >>> 28)) * 0.5f;
        int entry = u8(2 + i / 4);
        yield d * CodeBook.IQ3_XXS.number(entry, i % 4) * evenly(rest >>> (7 * (i / 8 % 4)), i % 8);
      }
      case IQ3_S -> {
        int entry = u8(2 + i / 4) + 256 * (u8(66 + i / 32) >> (i / 4 % 8) & 1);
        float d = d(0) * (1 + 2 * nibble(106, i / 32));
        yield d * CodeBook.IQ3_S.number(entry, i % 4) * sign(u8(74 + i / 8), i % 8);
      }
      case TQ1_0 -> {
        int fives = i < 160 ? u8(i % 32) : i < 240 ? u8(32 + i % 16) : u8(48 + i % 4);
        int place = i < 160 ? i / 32 : i < 240 ? (i - 160) / 16 : (i - 240) / 4;
        int turned = fives * (int) Math.pow(3, place) % 256;
        yield d(52) * (turned * 3 / 256 - 1);
      }
      case TQ2_0 -> d(64) * ((u8(i / 128 * 32 + i % 32) >> (2 * (i / 32 % 4)) & 3) - 1);
      default -> throw new IllegalArgumentException(dtype.name());
    };
  }

  /** Of eight signs the last makes an even number below 0. */
  private static int evenly(int bits, int place) {
    int seven = bits & 127;
    return place < 7 ? sign(seven, place) : Integer.bitCount(seven) % 2 == 0 ? 1 : -1;
  }

  private static int sign(int bits, int place) {
    return (bits >> place & 1) == 0 ? 1 : -1;
  }

  private int nibble(int at, int index) {
    return u8(at + index / 2) >> (index % 2 * 4) & 15;
  }

  private float d(int at) {
    return Float.float16ToFloat(block.getShort(at));
  }

  private int u8(int at) {
    return block.get(at) & 255;
  }

  private int u16(int at) {
    return block.getShort(at) & 65535;
  }
}
