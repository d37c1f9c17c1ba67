package dev.serval.models.decoder.loading;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.StoredTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** A matrix whose columns a checkpoint stores as rows. */
final class TransposedMatrix {
  private TransposedMatrix() {}

  /**
   * The matrix, in the type it is stored in, which has no blocks.
   *
   * @param parts what is stored, from top to bottom, all of one type and width
   */
  static StoredTensor of(List<StoredTensor> parts) {
    StoredTensor first = parts.getFirst();
    DType dtype = first.dtype();
    long columns = first.shape().getLast();
    long rows = parts.stream().mapToLong(StoredTensor::elements).sum() / columns;
    MemorySegment data = Arena.ofAuto().allocate(dtype.bytes(rows * columns), Long.BYTES);
    long row = 0;
    for (StoredTensor part : parts) {
      MemorySegment from = part.data();
      for (long index = 0; index < part.elements(); index++) {
        long to = index % columns * rows + row + index / columns;
        copy(dtype, from, index, data, to);
      }
      row += part.elements() / columns;
    }
    return new StoredTensor(first.name(), dtype, List.of(columns, rows), data);
  }

  private static void copy(
      DType dtype, MemorySegment from, long index, MemorySegment data, long to) {
    if (dtype == DType.F32) {
      data.setAtIndex(
          ValueLayout.JAVA_INT, to, from.getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, index));
    } else {
      data.setAtIndex(
          ValueLayout.JAVA_SHORT, to, from.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, index));
    }
  }
}
