package dev.serval.models.cpu.generated;

/**
 * 32 columns of an input row as 8-bit integers times a scale: where things lie in it.
 *
 * <p>The scale is the greatest magnitude divided by 127; integers are rounded to the nearest, to
 * the even one of two. A group that holds an infinity or a NaN has a scale of NaN, so that nothing
 * computed from it is a number. Sums are kept with their signs turned, since they serve to take off
 * what codes have too much.
 */
final class ActivationGroup {
  /** Columns of a group, of 8-bit integers or not. */
  static final int COLUMNS = 32;

  /** Where the scale is, an F32. */
  static final int SCALE = 32;

  /** Where the negative sum of the integers is, an int. */
  static final int SUM = 36;

  /** Where that sum times the scale is, an F32. */
  static final int SCALED_SUM = 40;

  /** Where the negative sum of the first 16 integers is; that of the others follows. */
  static final int HALF_SUMS = 44;

  /** How large all of it is. */
  static final int BYTES = 52;

  /** Smaller magnitudes count as this one, so that nothing is divided by 0. */
  static final float LEAST = 0x1p-100f;

  /** The greatest integer. */
  static final float GREATEST = 127;

  private ActivationGroup() {}
}
