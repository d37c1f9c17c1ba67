package dev.serval.models.cpu.linear;

import dev.serval.api.device.NativeMemory;
import dev.serval.models.cpu.block.StoredRows;
import dev.serval.models.cpu.crew.WorkCrew;

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
