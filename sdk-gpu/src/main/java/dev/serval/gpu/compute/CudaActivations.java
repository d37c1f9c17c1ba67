package dev.serval.gpu.compute;

import dev.serval.api.compute.Activations;

/**
 * Rows on the device.
 *
 * @param owner the backend that made them
 * @param form how they lie
 * @param maxRows how many there may be
 * @param columns how many elements a row has
 * @param stride elements from one row to the next, or rows of an operand
 * @param address where they lie; 0 where there is nothing
 */
record CudaActivations(
    CudaBackend owner, Form form, int maxRows, int columns, int stride, long address)
    implements Activations {
  private static final int ROW_ALIGNMENT = 4;

  /** How rows lie. */
  enum Form {
    /** F32, row after row. */
    ROWS,
    /** BF16, as tensor cores take them. */
    OPERAND,
    /** Nowhere: what would be in them stays within a kernel. */
    NOWHERE
  }

  /** The stride of rows of this width, or of an operand of so many rows. */
  static int stride(Form form, int maxRows, int columns) {
    return switch (form) {
      case ROWS -> Math.multiplyExact(Math.ceilDiv(columns, ROW_ALIGNMENT), ROW_ALIGNMENT);
      case OPERAND -> Math.multiplyExact(Math.ceilDiv(maxRows, Abi.OPERAND_ROWS), Abi.OPERAND_ROWS);
      case NOWHERE -> 0;
    };
  }

  /** How many bytes they take; an operand with what a block of many tokens reads beyond it. */
  static long bytes(Form form, int maxRows, int columns) {
    long stride = stride(form, maxRows, columns);
    return switch (form) {
      case ROWS -> Math.multiplyExact(stride * Float.BYTES, (long) maxRows);
      case OPERAND ->
          Math.multiplyExact(
                  stride * Abi.TILE * Short.BYTES, (long) Math.ceilDiv(columns, Abi.TILE))
              + (long) Abi.OPERAND_ROWS * Abi.TILE * Short.BYTES;
      case NOWHERE -> 0;
    };
  }

  boolean isOperand() {
    return form == Form.OPERAND;
  }
}
