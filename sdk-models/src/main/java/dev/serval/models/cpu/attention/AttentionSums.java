package dev.serval.models.cpu.attention;

/**
 * What has been added up of a stretch for one query's head, as it lies in memory: the largest
 * score, the sum of weights, and the output that is still to be divided by that sum; F32.
 */
public final class AttentionSums {
  /** Where the largest score is, in bytes. */
  public static final int MAXIMUM = 0;

  /** Where the sum of weights is. */
  public static final int SUM = 4;

  /** Where the output begins. */
  public static final int OUTPUT = 64;

  private AttentionSums() {}

  /**
   * The sum of weights where a sink is the only score.
   *
   * @param sink that score, or minus infinity for none
   * @return its own weight, which is 1; 0 for none
   */
  public static float ofSink(float sink) {
    return sink == Float.NEGATIVE_INFINITY ? 0 : 1;
  }

  /** The size for heads of so many dimensions, a multiple of a cache line. */
  public static long bytes(int headDim) {
    return OUTPUT + (long) Math.ceilDiv(headDim * Float.BYTES, OUTPUT) * OUTPUT;
  }
}
