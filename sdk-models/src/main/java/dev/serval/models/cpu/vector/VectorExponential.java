package dev.serval.models.cpu.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * e to the power of each lane, with an error below 2 units in the last place; 0 below −104, where
 * the result would round to 0, and infinity above 89. Made of fused multiplications alone, so that
 * it gives the same bits for any number of lanes.
 */
final class VectorExponential {
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final float LOG2_E = 1.442695f;
  private static final float ROUNDER = 0x1.8p23f;
  private static final int ROUNDER_BITS = Float.floatToRawIntBits(ROUNDER);
  private static final float LN2_HIGH = 0x1.62e4p-1f;
  private static final float LN2_LOW = 0x1.7f7d1cp-20f;
  private static final int BIAS = 127;
  private static final int MANTISSA_BITS = 23;
  private static final float UNDERFLOW = -104;
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
   * Replaces each value v by e to the power of {@code v − less}. One method, which calls nothing of
   * its own: see {@link TileProducts}.
   *
   * @param values the values
   * @param from where they begin
   * @param count how many there are, whole vectors
   * @param less what is taken from each
   */
  static void apply(float[] values, int from, int count, float less) {
    for (int i = from; i < from + count; i += Lanes.COUNT) {
      FloatVector x = FloatVector.fromArray(F, values, i).sub(less);
      FloatVector shifted = x.fma(LOG2_E, ROUNDER);
      FloatVector whole = shifted.sub(ROUNDER);
      FloatVector f = whole.fma(FloatVector.broadcast(F, -LN2_HIGH), x);
      f = whole.fma(FloatVector.broadcast(F, -LN2_LOW), f);
      FloatVector p = f.fma(C7, C6);
      p = p.fma(f, FloatVector.broadcast(F, C5));
      p = p.fma(f, FloatVector.broadcast(F, C4));
      p = p.fma(f, FloatVector.broadcast(F, C3));
      p = p.fma(f, FloatVector.broadcast(F, C2));
      p = p.fma(f, FloatVector.broadcast(F, 1));
      p = p.fma(f, FloatVector.broadcast(F, 1));
      IntVector power = shifted.reinterpretAsInts().sub(ROUNDER_BITS);
      IntVector half = power.lanewise(VectorOperators.ASHR, 1);
      IntVector rest = power.sub(half);
      IntVector first = half.add(BIAS).lanewise(VectorOperators.LSHL, MANTISSA_BITS);
      IntVector second = rest.add(BIAS).lanewise(VectorOperators.LSHL, MANTISSA_BITS);
      p.mul(first.reinterpretAsFloats())
          .mul(second.reinterpretAsFloats())
          .blend(0, x.compare(VectorOperators.LT, UNDERFLOW))
          .blend(Float.POSITIVE_INFINITY, x.compare(VectorOperators.GT, OVERFLOW))
          .intoArray(values, i);
    }
  }
}
