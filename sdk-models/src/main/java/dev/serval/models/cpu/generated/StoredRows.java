package dev.serval.models.cpu.generated;

import dev.serval.api.storage.StoredTensor;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Tensors of one type and number of columns as one matrix.
 *
 * @param parts from top to bottom
 */
record StoredRows(List<StoredTensor> parts) {

  int columns() {
    return Math.toIntExact(parts.getFirst().shape().getLast());
  }

  int count() {
    return Math.toIntExact(parts.stream().mapToLong(part -> part.shape().getFirst()).sum());
  }

  /** One row as it is stored. */
  MemorySegment row(int row) {
    long within = row;
    for (StoredTensor part : parts) {
      long rows = part.shape().getFirst();
      if (within < rows) {
        long bytes = part.dtype().bytes(columns());
        return part.data().asSlice(within * bytes, bytes);
      }
      within -= rows;
    }
    throw new IndexOutOfBoundsException(row);
  }
}
