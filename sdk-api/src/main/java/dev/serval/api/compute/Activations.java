package dev.serval.api.compute;

/**
 * A buffer of F32 rows in the backend's memory, one row for each token of a step. Allocated once,
 * used for every step; only the first rows of it are in use in a small step.
 */
public interface Activations {
  /**
   * How many rows it can hold.
   *
   * @return the most tokens of a step
   */
  int maxRows();

  /**
   * How many columns a row has.
   *
   * @return the width
   */
  int columns();
}
