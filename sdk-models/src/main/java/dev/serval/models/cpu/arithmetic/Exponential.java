package dev.serval.models.cpu.arithmetic;

/**
 * e to the power of an F32, rounded to F32, with an error below 0.51 units in the last place. Made
 * of additions and multiplications in F64 alone, so that it gives the same bits on every machine,
 * which {@link Math#exp} does not promise.
 */
public final class Exponential {
  private static final double LOG2_E = 1.4426950408889634;
  private static final double ROUNDER = 0x1.8p52;
  private static final int BIAS = 1023;
  private static final int MANTISSA_BITS = 52;
  private static final float UNDERFLOW = -104;
  private static final float OVERFLOW = 89;

  // ln(2)^n / n!: the Taylor series of 2^f, to the 8th power, for f within ±1/2
  private static final double C1 = 0.6931471805599453;
  private static final double C2 = 0.2402265069591007;
  private static final double C3 = 0.05550410866482158;
  private static final double C4 = 0.009618129107628477;
  private static final double C5 = 0.0013333558146428443;
  private static final double C6 = 1.540353039338161e-4;
  private static final double C7 = 1.5252733804059841e-5;
  private static final double C8 = 1.321548679014431e-6;

  private Exponential() {}

  /**
   * The power.
   *
   * @param x the exponent
   */
  public static float of(float x) {
    if (x > OVERFLOW) {
      return Float.POSITIVE_INFINITY;
    }
    if (x < UNDERFLOW) {
      return 0;
    }
    double power = x * LOG2_E;
    double whole = (power + ROUNDER) - ROUNDER;
    double f = power - whole;
    double f2 = f * f;
    double f4 = f2 * f2;
    double low = (1 + C1 * f) + f2 * (C2 + C3 * f);
    double high = (C4 + C5 * f) + f2 * (C6 + C7 * f) + f4 * C8;
    return (float) ((low + f4 * high) * powerOfTwo(whole));
  }

  /**
   * The hyperbolic tangent, with an error below 1.2e-7.
   *
   * @param x its argument
   */
  public static float tanh(float x) {
    return 1 - 2 / (1 + of(2 * x));
  }

  private static double powerOfTwo(double whole) {
    return Double.longBitsToDouble(((long) whole + BIAS) << MANTISSA_BITS);
  }
}
