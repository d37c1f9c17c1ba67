package dev.serval.models.cpu.linear;

/**
 * How kernels round inputs to 8 bits, a group of columns at a time.
 *
 * <p>The scale is the greatest magnitude divided by 127; integers are rounded to the nearest, to
 * the even one of two. A group that holds an infinity or a NaN has a scale of NaN, so that nothing
 * computed from it is a number.
 */
public final class RoundedGroup {
  /** Columns of a group. */
  public static final int COLUMNS = 32;

  /** Smaller magnitudes count as this one, so that nothing is divided by 0. */
  public static final float LEAST = 0x1p-100f;

  /** The greatest integer. */
  public static final float GREATEST = 127;

  private RoundedGroup() {}
}
