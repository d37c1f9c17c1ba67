package dev.serval.testkit.models;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.StoredTensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** Tensors of which nothing matters but their types and shapes. */
public final class ZeroTensor {
  private ZeroTensor() {}

  /**
   * A tensor of zeros.
   *
   * @param dtype its type
   * @param shape its sizes, whole blocks in the last
   * @return the tensor, on the heap
   */
  public static StoredTensor of(DType dtype, long... shape) {
    return named("weight", dtype, shape);
  }

  /** The same, under a name. */
  static StoredTensor named(String name, DType dtype, long... shape) {
    long elements = Arrays.stream(shape).reduce(1, Math::multiplyExact);
    return new StoredTensor(
        name,
        dtype,
        Arrays.stream(shape).boxed().toList(),
        MemorySegment.ofArray(new byte[Math.toIntExact(dtype.bytes(elements))]));
  }
}
