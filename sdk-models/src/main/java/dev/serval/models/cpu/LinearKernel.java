package dev.serval.models.cpu;

import dev.serval.api.device.NativeMemory;
import dev.serval.api.storage.StoredTensor;
import java.util.List;

/** How a tier of kernels keeps and multiplies matrices. */
public interface LinearKernel {
  /**
   * Takes over a matrix.
   *
   * @param parts its rows from top to bottom, of one number of columns
   * @param memory where it is kept
   * @param crew who packs it
   * @return the matrix
   */
  PackedMatrix pack(List<StoredTensor> parts, NativeMemory memory, WorkCrew crew);
}
