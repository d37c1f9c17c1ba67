package dev.serval.gpu.compute;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.StoredTensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;

/** Tensors of random numbers of any type, most of them below 1. */
final class RandomTensors {
  private static final float SIZE = 0.2f;

  private RandomTensors() {}

  static StoredTensor matrix(DType dtype, int rows, int columns, Random random) {
    if (dtype.blockElements() > 1) {
      return RandomBlocks.matrix("blocks", dtype, rows, columns, SIZE, random);
    }
    byte[] data = new byte[(int) dtype.bytes((long) rows * columns)];
    MemorySegment to = MemorySegment.ofArray(data);
    for (int i = 0; i < rows * columns; i++) {
      float value = SIZE * (float) random.nextGaussian();
      switch (dtype) {
        case F32 -> to.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i, value);
        case F16 -> to.setAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i, Float.floatToFloat16(value));
        default ->
            to.setAtIndex(
                ValueLayout.JAVA_SHORT_UNALIGNED,
                i,
                (short) (Float.floatToRawIntBits(value) >>> Short.SIZE));
      }
    }
    return new StoredTensor("numbers", dtype, List.of((long) rows, (long) columns), to);
  }

  static StoredTensor vector(DType dtype, int length, Random random) {
    StoredTensor numbers = matrix(dtype, 1, length, random);
    return new StoredTensor("vector", dtype, List.of((long) length), numbers.data());
  }
}
