package dev.serval.gpu.compute;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.serval.api.compute.RotaryEmbedding;
import java.lang.foreign.MemorySegment;

/**
 * Cosines and sines on the device by which one rotary embedding turns keys, or queries where these
 * grow, for positions from 0 on, as many as were ever needed. The angle is multiplied out in F64,
 * so late positions are as precise as early ones; {@link StrictMath} gives the same bits on every
 * machine.
 */
final class RotaryTable {
  private static final int LEAST = 4096;

  private final RotaryEmbedding embedding;
  private final boolean growing;
  private final GrowingBuffer buffer;
  private long address;
  private int covered;

  /**
   * None is covered yet.
   *
   * @param growing whether it is for queries that grow
   */
  RotaryTable(RotaryEmbedding embedding, boolean growing, GrowingBuffer buffer) {
    this.embedding = embedding;
    this.growing = growing;
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
      int position = Math.toIntExact((first + i) / embedding.pairs());
      int pair = (int) ((first + i) % embedding.pairs());
      double angle = position * embedding.frequency(pair);
      double magnitude = growing ? embedding.queryMagnitude(position) : embedding.magnitude();
      to.setAtIndex(JAVA_FLOAT, 2 * i, (float) (magnitude * StrictMath.cos(angle)));
      to.setAtIndex(JAVA_FLOAT, 2 * i + 1, (float) (magnitude * StrictMath.sin(angle)));
    }
  }
}
