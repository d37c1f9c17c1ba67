package dev.serval.models.cpu.linear;

import dev.serval.api.compute.DType;
import dev.serval.models.cpu.crew.WorkCrew;
import dev.serval.models.cpu.memory.CpuActivations;

/**
 * A matrix as one tier of kernels keeps it. A product with it is cut into parts, each of which one
 * worker computes.
 */
public interface PackedMatrix {
  /** Its rows: the outputs. */
  int rows();

  /** Its columns: the inputs. */
  int columns();

  /** The type its elements are kept in. */
  DType dtype();

  /**
   * Into how many parts a product is cut.
   *
   * @param rows the rows of the product
   * @return at least 1, if there are rows
   */
  int parts(int rows);

  /**
   * Gets the inputs of a product ready for all of its parts. Called before each product by the
   * thread that asks for it; may let the crew help.
   *
   * @param product what will be multiplied
   * @param crew who will compute
   */
  default void prepare(LinearWork product, WorkCrew crew) {}

  /**
   * Computes one part of a product. Any worker may do any part; an output's bits depend on its own
   * input row and matrix row alone.
   *
   * @param product what is multiplied, and where results go
   * @param part which part, less than {@link #parts} for the product's rows
   * @param worker who computes
   */
  void multiply(LinearWork product, int part, int worker);

  /**
   * Writes one row as F32.
   *
   * @param row which row of the matrix
   * @param out where to
   * @param at the index of the first element there
   * @param worker who writes
   */
  void expandRow(int row, CpuActivations out, long at, int worker);
}
