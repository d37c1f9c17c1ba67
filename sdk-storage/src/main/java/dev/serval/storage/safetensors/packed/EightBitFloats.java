package dev.serval.storage.safetensors.packed;

import dev.serval.storage.safetensors.format.ElementType;
import java.util.Optional;

/** Floating-point numbers of 8 bits: a sign, bits of an exponent, bits of a fraction. */
enum EightBitFloats {
  /** 4 bits of exponent, without infinities: all ones are no number. */
  E4M3(4, 3, false),
  /** 5 bits of exponent, as binary16 cut off. */
  E5M2(5, 2, true);

  private final float[] values = new float[1 << Byte.SIZE];

  EightBitFloats(int exponentBits, int fractionBits, boolean infinities) {
    int ones = (1 << exponentBits) - 1;
    int bias = ones >> 1;
    int fractions = 1 << fractionBits;
    for (int code = 0; code < values.length; code++) {
      int exponent = (code >> fractionBits) & ones;
      int fraction = code & (fractions - 1);
      double size =
          exponent == 0
              ? Math.scalb((double) fraction / fractions, 1 - bias)
              : Math.scalb(1 + (double) fraction / fractions, exponent - bias);
      if (exponent == ones && infinities) {
        size = fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN;
      } else if (exponent == ones && fraction == fractions - 1) {
        size = Double.NaN;
      }
      values[code] = (float) (code < 1 << (Byte.SIZE - 1) ? size : -size);
    }
  }

  static Optional<EightBitFloats> of(ElementType type) {
    return switch (type) {
      case F8_E4M3 -> Optional.of(E4M3);
      case F8_E5M2 -> Optional.of(E5M2);
      default -> Optional.empty();
    };
  }

  float at(byte code) {
    return values[Byte.toUnsignedInt(code)];
  }
}
