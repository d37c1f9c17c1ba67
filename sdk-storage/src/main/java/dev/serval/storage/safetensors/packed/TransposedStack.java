package dev.serval.storage.safetensors.packed;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.checkpoint.MadeBytes;
import dev.serval.storage.safetensors.format.RawTensor;
import dev.serval.storage.safetensors.packed.ExpertStacks.Rows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;

/**
 * Matrices of a plain type whose columns are stored one after the other; vectors are such of one
 * column.
 *
 * @param stored the tensor
 * @param experts how many matrices there are
 * @param rows how many rows each has
 * @param columns how many columns
 * @param vectors whether they are vectors
 */
record TransposedStack(StoredTensor stored, long experts, long rows, long columns, boolean vectors)
    implements MatrixStack {
  /** So many rows of several columns stay near the processor. */
  private static final long TILE = 64;

  static TransposedStack of(RawTensor tensor) {
    List<Long> shape = tensor.requireDimensions(3).shape();
    return new TransposedStack(tensor.stored(), shape.get(0), shape.get(2), shape.get(1), false);
  }

  static TransposedStack ofVectors(RawTensor tensor) {
    List<Long> shape = tensor.requireDimensions(2).shape();
    return new TransposedStack(tensor.stored(), shape.get(0), shape.get(1), 1, true);
  }

  @Override
  public StoredTensor matrix(String name, int expert, Rows some) {
    DType type = stored.dtype();
    return new StoredTensor(
        name,
        type,
        vectors ? List.of(some.count()) : List.of(some.count(), columns),
        new MadeBytes(
            type.bytes(some.count() * columns), (from, to) -> make(expert, some, from, to)),
        Optional.empty());
  }

  private void make(int expert, Rows some, long from, MemorySegment to) {
    long size = stored.dtype().blockBytes();
    MemorySegment data = stored.data();
    long first = from / size;
    long count = to.byteSize() / size;
    long begin = expert * rows * columns;
    for (long tile = 0; tile < count; tile += TILE * columns) {
      long end = Math.min(count, tile + TILE * columns);
      for (long column = 0; column < columns; column++) {
        long skipped = Math.floorMod(column - (first + tile), columns);
        for (long i = tile + skipped; i < end; i += columns) {
          long row = some.at((first + i) / columns);
          copy(data, (begin + column * rows + row) * size, to, i * size, size);
        }
      }
    }
  }

  private static void copy(MemorySegment data, long from, MemorySegment to, long at, long size) {
    if (size == Integer.BYTES) {
      to.set(ValueLayout.JAVA_INT_UNALIGNED, at, data.get(ValueLayout.JAVA_INT_UNALIGNED, from));
    } else {
      to.set(
          ValueLayout.JAVA_SHORT_UNALIGNED, at, data.get(ValueLayout.JAVA_SHORT_UNALIGNED, from));
    }
  }
}
