package dev.serval.models.decoder.traits;

/**
 * The heads of a layer that attends.
 *
 * @param heads query heads
 * @param kvHeads key and value heads
 * @param dim dimensions of a head
 * @param valuesOfKeys whether values are what keys are before they are normalised and turned
 */
public record HeadSizes(int heads, int kvHeads, int dim, boolean valuesOfKeys) {
  public int queryColumns() {
    return heads * dim;
  }

  public int keyColumns() {
    return kvHeads * dim;
  }

  /** The most rows that two numbers of rows are both made up of. */
  public static int commonDivisor(int a, int b) {
    return b == 0 ? a : commonDivisor(b, a % b);
  }
}
