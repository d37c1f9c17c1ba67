package dev.serval.models.cpu.activation;

/**
 * Of what the logistic function σ is the normal distribution Φ: {@code x · Φ(x)} is {@code x ·
 * σ(s(x))} with {@code s(x) = ln(Φ(x) / Φ(−x))}. That is odd, and here x times a quotient of
 * polynomials in x², which were fitted for the least error of the whole. All of their coefficients
 * are above 0, so that nothing cancels out: results are within three units in the last place of x
 * of what they should be.
 */
public final class GeluSteepness {
  /** As far as x² counts; σ is 0 or 1 long before. */
  public static final float LARGEST = 1024;

  /** The coefficients of the dividend, that of x⁰ first. */
  public static final float OVER_0 = 1.5957692f;

  public static final float OVER_1 = 0.22080423f;
  public static final float OVER_2 = 0.018158415f;
  public static final float OVER_3 = 5.512243e-4f;
  public static final float OVER_4 = 1.456613e-6f;

  /** Those of the divisor, of which the first is 1. */
  public static final float UNDER_1 = 0.09282893f;

  public static final float UNDER_2 = 0.0071984306f;
  public static final float UNDER_3 = 8.678882e-5f;

  private GeluSteepness() {}

  /** s(x); what is no number gives none. */
  public static float of(float x) {
    float u = Math.min(x * x, LARGEST);
    float over = (((OVER_4 * u + OVER_3) * u + OVER_2) * u + OVER_1) * u + OVER_0;
    float under = ((UNDER_3 * u + UNDER_2) * u + UNDER_1) * u + 1;
    return x * (over / under);
  }
}
