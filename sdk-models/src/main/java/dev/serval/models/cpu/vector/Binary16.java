package dev.serval.models.cpu.vector;

import static dev.serval.models.cpu.vector.Lanes.INT_VECTOR;
import static jdk.incubator.vector.VectorOperators.GE;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_S2I;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/** Widening of binary16. */
final class Binary16 {
  private static final int SIGN = 0x8000;
  private static final int SPECIAL = 0x7C00 << 13;
  private static final int SPECIAL_EXPONENT = 0x7F800000;

  /** Of a sign-extended binary16, shifted left by 13, those that are an F32's, 2^112 too small. */
  static final int WIDENED_BITS = 0x8FFFE000;

  /**
   * What such an F32 is multiplied by, twice, and then by {@link #DOWN}: the first two make
   * infinite what was not finite.
   */
  static final float UP = 0x1p112f;

  /** See {@link #UP}. */
  static final float DOWN = 0x1p-112f;

  private Binary16() {}

  /**
   * Widens rows to F32.
   *
   * @param data where they lie
   * @param from where the first begins, in bytes
   * @param apart from one row to the next, in bytes
   * @param width elements of a row, whole vectors
   * @param to where they are written to
   * @param at where the first begins there
   * @param step from one row to the next there
   * @param rows how many there are
   */
  static void widen(
      MemorySegment data,
      long from,
      long apart,
      int width,
      float[] to,
      int at,
      int step,
      int rows) {
    for (int row = 0; row < rows; row++) {
      for (int v = 0; v < width; v += Lanes.COUNT) {
        long source = from + row * apart + (long) v * Short.BYTES;
        IntVector bits =
            INT_VECTOR.cast(
                ShortVector.fromMemorySegment(Lanes.SHORTS, data, source, Lanes.ORDER)
                    .convertShape(ZERO_EXTEND_S2I, Lanes.INTS, 0));
        IntVector magnitude = bits.and(SIGN - 1).lanewise(LSHL, 13);
        magnitude
            .reinterpretAsFloats()
            .mul(UP)
            .reinterpretAsInts()
            .blend(magnitude.or(SPECIAL_EXPONENT), magnitude.compare(GE, SPECIAL))
            .or(bits.and(SIGN).lanewise(LSHL, Short.SIZE))
            .reinterpretAsFloats()
            .intoArray(to, at + row * step + v);
      }
    }
  }
}
