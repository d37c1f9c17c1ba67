package dev.serval.models.cpu.arithmetic;

/** The upper half of an F32. */
public final class BFloat16 {
  private static final int ROUND = 0x7FFF;
  private static final int QUIET = 0x40;

  private BFloat16() {}

  public static float toFloat(short bits) {
    return Float.intBitsToFloat(bits << Short.SIZE);
  }

  /** Rounds to the nearest, to the even one of two; a NaN stays one. */
  public static short fromFloat(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) (bits >>> Short.SIZE | QUIET);
    }
    return (short) ((bits + ROUND + (bits >>> Short.SIZE & 1)) >>> Short.SIZE);
  }
}
