package dev.serval.models.decoder.traits;

/**
 * What norms of rows are.
 *
 * @param centred whether they are from the mean, and not by the root of the mean square
 * @param bias whether they have a bias
 * @param gainsLessOne whether a checkpoint stores their gains less 1
 * @param epsilon the field that says what they add
 * @param usual what they add unless it is said
 */
public record RowNorms(
    boolean centred, boolean bias, boolean gainsLessOne, String epsilon, double usual) {
  private static final double LARGER = 1e-5;

  /** As Llama's. */
  public static final RowNorms ROOT_MEAN_SQUARE =
      new RowNorms(false, false, false, "rms_norm_eps", 1e-6);

  /** From the mean. */
  public static RowNorms centred(boolean bias, String epsilon) {
    return new RowNorms(true, bias, false, epsilon, LARGER);
  }

  /** The same, whose gains may be stored less 1. */
  public RowNorms lessOne(boolean less) {
    return new RowNorms(centred, bias, less, epsilon, usual);
  }

  /** The same, which add more unless it is said. */
  public RowNorms larger() {
    return new RowNorms(centred, bias, gainsLessOne, epsilon, LARGER);
  }
}
