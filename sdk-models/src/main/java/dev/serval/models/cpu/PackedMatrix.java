package dev.serval.models.cpu;

import dev.serval.api.compute.DType;

/**
 * A matrix as one tier of kernels keeps it: cut into panels of rows, each of which one worker
 * multiplies at a time.
 */
interface PackedMatrix {
  /** Its rows: the outputs. */
  int rows();

  /** Its columns: the inputs. */
  int columns();

  /** The type its elements are kept in. */
  DType dtype();

  /** Into how many panels it is cut. */
  int panels();

  /**
   * Multiplies some input rows with one panel. Any worker may do any panel and any range of rows;
   * an output's bits depend on its own input row and matrix row alone.
   *
   * @param product what is multiplied, and where results go
   * @param panel which panel, from 0
   * @param from the first of the product's rows
   * @param to behind the last of the product's rows
   * @param worker who computes
   */
  void multiply(LinearWork product, int panel, int from, int to, int worker);

  /**
   * Writes one row as F32.
   *
   * @param row which row of the matrix
   * @param out where to
   * @param at the index of the first element there
   */
  void expandRow(int row, CpuActivations out, long at);
}
