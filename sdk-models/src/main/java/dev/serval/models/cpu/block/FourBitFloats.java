package dev.serval.models.cpu.block;

/**
 * The numbers of MXFP4, twice as large, so that they are integers, and its scales, half as large,
 * so that products are the same. What is 0 has no sign. They are those of <a
 * href="https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf">OCP
 * Microscaling Formats 1.0</a>.
 */
public final class FourBitFloats {
  private static final int[] DOUBLED = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

  /** Half of 2<sup>−127</sup>, an F32 that is too small to be normal. */
  private static final int SMALLEST = 0x0020_0000;

  private static final int NO_NUMBER = 255;
  private static final int FRACTION_BITS = 23;

  private FourBitFloats() {}

  /**
   * The number that four bits are, doubled.
   *
   * @param bits 0 to 15
   * @return −12 to 12
   */
  public static int doubled(int bits) {
    return DOUBLED[bits];
  }

  /** All of them. */
  static int[] allDoubled() {
    return DOUBLED.clone();
  }

  /**
   * The scale that eight bits are, halved. Its lower 16 bits are 0.
   *
   * @param exponent 0 to 255
   * @return 2<sup>exponent − 128</sup>, or no number for 255
   */
  public static float halvedScale(int exponent) {
    if (exponent == NO_NUMBER) {
      return Float.NaN;
    }
    int bits = exponent < 2 ? SMALLEST << exponent : (exponent - 1) << FRACTION_BITS;
    return Float.intBitsToFloat(bits);
  }
}
