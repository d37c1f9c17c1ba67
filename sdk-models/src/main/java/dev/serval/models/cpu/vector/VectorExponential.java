package dev.serval.models.cpu.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * e to the power of each lane, with an error below 2 units in the last place; 0 below −86.9, where
 * the result would be less than 1.9e-38, and infinity above 89. Made of additions and
 * multiplications alone, so that it gives the same bits for any number of lanes.
 */
final class VectorExponential {
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final float LOG2_E = 1.442695f;
  private static final float ROUNDER = 0x1.8p23f;
  private static final float LN2_HIGH = 0x1.62e4p-1f;
  private static final float LN2_LOW = 0x1.7f7d1cp-20f;
  private static final int MANTISSA_BITS = 23;

  /** Half of 1 as an exponent's bits: a power of two is twice what it is multiplied by. */
  private static final int HALF = Float.floatToRawIntBits(0.5f);

  private static final float UNDERFLOW = -86.9f;
  private static final float OVERFLOW = 89;

  // 1 / n!: the Taylor series to the 7th power, for arguments within ±ln(2)/2
  private static final float C2 = 1 / 2f;
  private static final float C3 = 1 / 6f;
  private static final float C4 = 1 / 24f;
  private static final float C5 = 1 / 120f;
  private static final float C6 = 1 / 720f;
  private static final float C7 = 1 / 5040f;

  private VectorExponential() {}

  /**
   * Replaces each value v by e to the power of {@code v · factor − less}. One method, which calls
   * nothing of its own: see {@link TileProducts}. The series is added up in pairs (Estrin's
   * scheme), since what a vector waits for is the longest chain.
   *
   * @param values the values
   * @param from where they begin
   * @param count how many there are, whole vectors
   * @param factor what each is multiplied by
   * @param less what is taken from each
   */
  static void apply(float[] values, int from, int count, float factor, float less) {
    FloatVector scale = FloatVector.broadcast(F, factor);
    FloatVector start = FloatVector.broadcast(F, -less);
    for (int i = from; i < from + count; i += Lanes.COUNT) {
      FloatVector x = FloatVector.fromArray(F, values, i).fma(scale, start);
      FloatVector shifted = x.fma(LOG2_E, ROUNDER);
      FloatVector whole = shifted.sub(ROUNDER);
      FloatVector f = whole.fma(FloatVector.broadcast(F, -LN2_HIGH), x);
      f = whole.fma(FloatVector.broadcast(F, -LN2_LOW), f);
      FloatVector f2 = f.mul(f);
      FloatVector high = f.fma(C7, C6).fma(f2, f.fma(C5, C4));
      FloatVector p = high.fma(f2, f.fma(C3, C2)).fma(f2, f).add(1);
      FloatVector power =
          shifted
              .reinterpretAsInts()
              .lanewise(VectorOperators.LSHL, MANTISSA_BITS)
              .add(HALF)
              .reinterpretAsFloats();
      p.mul(power)
          .mul(2)
          .blend(0, x.compare(VectorOperators.LT, UNDERFLOW))
          .blend(Float.POSITIVE_INFINITY, x.compare(VectorOperators.GT, OVERFLOW))
          .intoArray(values, i);
    }
  }

  /**
   * Replaces each value v by the hyperbolic tangent of {@code v · factor}, with an error below
   * 2e-7.
   *
   * @param values the values
   * @param from where they begin
   * @param count how many there are, whole vectors
   * @param factor what each is multiplied by
   */
  static void tanh(float[] values, int from, int count, float factor) {
    apply(values, from, count, 2 * factor, 0);
    FloatVector two = FloatVector.broadcast(F, 2);
    for (int i = from; i < from + count; i += Lanes.COUNT) {
      FloatVector part = two.div(FloatVector.fromArray(F, values, i).add(1));
      FloatVector.broadcast(F, 1).sub(part).intoArray(values, i);
    }
  }
}
