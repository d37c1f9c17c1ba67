package dev.serval.models.family;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.StoredTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Makes the gains that a model computes with of those that a checkpoint stores.
 *
 * @param lessOne whether they are stored less 1
 * @param divisor what they are divided by
 */
record NormGains(boolean lessOne, double divisor) {
  private static final ValueLayout.OfFloat LITTLE =
      ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** The gains; the tensor itself where nothing changes. */
  StoredTensor of(StoredTensor stored) {
    if (!lessOne && divisor == 1) {
      return stored;
    }
    long bytes = DType.F32.bytes(stored.elements());
    MemorySegment data = Arena.ofAuto().allocate(bytes, Float.BYTES);
    for (long i = 0; i < stored.elements(); i++) {
      double gain = stored.element(i) + (lessOne ? 1.0 : 0.0);
      data.setAtIndex(LITTLE, i, (float) (gain / divisor));
    }
    return new StoredTensor(stored.name(), DType.F32, stored.shape(), data);
  }
}
