package dev.serval.gpu.compute;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.serval.api.compute.RotaryEmbedding;
import java.lang.foreign.MemorySegment;

/**
 * Cosines and sines of one rotary embedding on the device, for positions from 0 on, as many as were
 * ever needed. The angle is multiplied out in F64, so late positions are as precise as early ones;
 * {@link StrictMath} gives the same bits on every machine.
 */
final class RotaryTable {
  private static final int LEAST = 4096;

  private final RotaryEmbedding embedding;
  private final GrowingBuffer buffer;
  private long address;
  private int covered;

  RotaryTable(RotaryEmbedding embedding, GrowingBuffer buffer) {
    this.embedding = embedding;
    this.buffer = buffer;
  }

  /** The address of a table that has all positions below this one; 0 where none turns anything. */
  long covering(int positions, DeviceAccess access) {
    if (positions > covered && embedding.pairs() > 0) {
      int count = Math.max(LEAST, 2 * Integer.highestOneBit(positions - 1));
      address = buffer.atLeast(bytes(count));
      access.upload(address, bytes(count), this::write);
      covered = count;
    }
    return address;
  }

  private long bytes(int positions) {
    return 2L * positions * embedding.pairs() * Float.BYTES;
  }

  private void write(MemorySegment to, long from) {
    long first = from / (2 * Float.BYTES);
    long count = to.byteSize() / (2 * Float.BYTES);
    for (long i = 0; i < count; i++) {
      long position = (first + i) / embedding.pairs();
      int pair = (int) ((first + i) % embedding.pairs());
      double angle = position * embedding.frequency(pair);
      to.setAtIndex(JAVA_FLOAT, 2 * i, (float) (embedding.magnitude() * StrictMath.cos(angle)));
      to.setAtIndex(JAVA_FLOAT, 2 * i + 1, (float) (embedding.magnitude() * StrictMath.sin(angle)));
    }
  }
}
