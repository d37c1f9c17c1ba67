package dev.serval.models.cpu.block;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.StoredTensor;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Tensors of one type and number of columns as one matrix.
 *
 * @param first which row of the whole weight the matrix begins with
 * @param parts from top to bottom
 */
public record StoredRows(int first, List<StoredTensor> parts) {

  /** The type of the elements. */
  public DType dtype() {
    return parts.getFirst().dtype();
  }

  /** How many columns the matrix has. */
  public int columns() {
    return Math.toIntExact(parts.getFirst().shape().getLast());
  }

  /** How many rows the matrix has. */
  public int count() {
    return Math.toIntExact(parts.stream().mapToLong(part -> part.shape().getFirst()).sum());
  }

  /** The size of a row as kernels are given it. */
  public long rowBytes() {
    return CodedBlocks.bytes(dtype(), columns());
  }

  /**
   * One row as kernels are given it, counted from the matrix's first. If its bytes have to be made,
   * no others are.
   */
  public MemorySegment row(int row) {
    long bytes = dtype().bytes(columns());
    long within = row;
    for (StoredTensor part : parts) {
      long rows = part.shape().getFirst();
      if (within < rows) {
        return CodedBlocks.row(dtype(), part.source().slice(within * bytes, bytes).bytes());
      }
      within -= rows;
    }
    throw new IndexOutOfBoundsException(row);
  }
}
