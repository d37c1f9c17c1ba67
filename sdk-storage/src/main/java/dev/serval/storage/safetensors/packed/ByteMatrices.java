package dev.serval.storage.safetensors.packed;

import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.safetensors.format.ElementType;
import dev.serval.storage.safetensors.format.RawTensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.function.Supplier;

/** Weights of signed bytes with a scale for each row, as compressed-tensors stores them. */
record ByteMatrices() implements Unpacking {
  @Override
  public void unpack(SortedMap<String, RawTensor> raw, Map<String, Supplier<StoredTensor>> made) {
    Pieces.unpack(
        raw, ".weight", tensor -> tensor.type() == ElementType.I8, ByteMatrices::matrix, made);
    raw.keySet().removeIf(name -> name.endsWith(".input_scale"));
  }

  private static GroupedIntegers matrix(Pieces pieces) {
    RawTensor bytes = pieces.first().requireDimensions(2);
    long rows = bytes.shape().getFirst();
    long columns = bytes.shape().getLast();
    StoredTensor scales = pieces.take("weight_scale").requireShape(List.of(rows, 1L)).stored();
    return GroupedIntegers.of(
        bytes,
        new Stored(bytes.data(), scales, columns),
        rows,
        columns,
        GroupedIntegers.ROW,
        Byte.SIZE,
        true);
  }

  /** What a matrix is made of. */
  private record Stored(MemorySegment bytes, StoredTensor scales, long columns)
      implements GroupedIntegers.Numbers {
    @Override
    public void read(long row, long column, int[] numbers) {
      for (int i = 0; i < numbers.length; i++) {
        numbers[i] = bytes.get(ValueLayout.JAVA_BYTE, row * columns + column + i);
      }
    }

    @Override
    public int zero(long row, long group) {
      return 0;
    }

    @Override
    public float scale(long row, long group) {
      return scales.element(row);
    }
  }
}
