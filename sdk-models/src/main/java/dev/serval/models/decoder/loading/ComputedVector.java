package dev.serval.models.decoder.loading;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.StoredTensor;
import dev.serval.models.decoder.traits.NormGains;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;

/** Vectors that a model computes with and a checkpoint does not store as they are. */
final class ComputedVector {
  private static final ValueLayout.OfFloat LITTLE =
      ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** What an element is. */
  interface Elements {
    /** One of them. */
    double at(long index);
  }

  private ComputedVector() {}

  /** What a norm multiplies by; the tensor itself where that is what is stored. */
  static StoredTensor gains(StoredTensor stored, NormGains gains) {
    return gains.asStored() ? stored : of(stored, i -> gains.of(stored.element(i)));
  }

  /** What states decay by, of their logarithms or of what is stored negated. */
  static StoredTensor decays(StoredTensor stored, boolean logarithms) {
    return of(stored, i -> logarithms ? Math.exp(stored.element(i)) : -stored.element(i));
  }

  /** What a convolution multiplies by, tap after tap, of what is stored channel by channel. */
  static StoredTensor taps(StoredTensor stored, int channels, int taps) {
    return of(stored, i -> stored.element(i % channels * taps + i / channels));
  }

  /**
   * A matrix each of whose columns is multiplied by one vector's element and divided by another's.
   *
   * @param divisor what all are divided by besides
   */
  static StoredTensor byColumns(
      StoredTensor stored, StoredTensor factors, StoredTensor divisors, double divisor) {
    long columns = factors.elements();
    return of(
        stored,
        i ->
            stored.element(i)
                * factors.element(i % columns)
                / (divisors.element(i % columns) * divisor));
  }

  /** So many ones. */
  static StoredTensor ones(int length) {
    MemorySegment data = Arena.ofAuto().allocate(DType.F32.bytes(length), Float.BYTES);
    return of(new StoredTensor("ones", DType.F32, List.of((long) length), data), _ -> 1);
  }

  /** As many elements as a tensor has, under its name and dimensions. */
  static StoredTensor of(StoredTensor stored, Elements elements) {
    MemorySegment data = Arena.ofAuto().allocate(DType.F32.bytes(stored.elements()), Float.BYTES);
    for (long i = 0; i < stored.elements(); i++) {
      data.setAtIndex(LITTLE, i, (float) elements.at(i));
    }
    return new StoredTensor(stored.name(), DType.F32, stored.shape(), data);
  }
}
