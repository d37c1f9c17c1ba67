package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.linear.RoundedGroup;

/**
 * 32 columns of an input row as 8-bit integers times a scale: where things lie in it. How they are
 * rounded is said in {@link RoundedGroup}. Sums are kept with their signs turned, since they serve
 * to take off what codes have too much.
 */
final class ActivationGroup {
  /** Columns of a group, of 8-bit integers or not. */
  static final int COLUMNS = RoundedGroup.COLUMNS;

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
  static final float LEAST = RoundedGroup.LEAST;

  /** The greatest integer. */
  static final float GREATEST = RoundedGroup.GREATEST;

  private ActivationGroup() {}
}
