package dev.serval.models.cpu;

import dev.serval.api.device.NativeMemory;

/** How a tier of kernels keeps and multiplies matrices. */
public interface LinearKernel {
  /**
   * Takes over a matrix.
   *
   * @param rows its rows, as they are stored
   * @param memory where it is kept
   * @param crew who packs it
   * @return the matrix
   */
  PackedMatrix pack(StoredRows rows, NativeMemory memory, WorkCrew crew);
}
