package dev.serval.models.family;

/**
 * The heads of a layer that attends.
 *
 * @param heads query heads
 * @param kvHeads key and value heads
 * @param dim dimensions of a head
 * @param valuesOfKeys whether values are what keys are before they are normalised and turned
 */
record HeadSizes(int heads, int kvHeads, int dim, boolean valuesOfKeys) {
  int queryColumns() {
    return heads * dim;
  }

  int keyColumns() {
    return kvHeads * dim;
  }
}
