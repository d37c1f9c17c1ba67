package dev.serval.models.cpu.generated;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/** Buffers at made-up addresses. What touches anything outside of them fails the test. */
final class SimulatedMemory {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final long APART = 1L << 32;

  private final List<Buffer> buffers = new ArrayList<>();

  private record Buffer(long address, MemorySegment data, boolean writable) {
    boolean holds(long at, int bytes) {
      return at >= address && at + bytes <= address + data.byteSize();
    }
  }

  /** Makes a buffer accessible, and says where it is. */
  long place(MemorySegment data, boolean writable) {
    long address = (buffers.size() + 1) * APART;
    buffers.add(new Buffer(address, data, writable));
    return address;
  }

  private Buffer buffer(long at, int bytes, boolean write) {
    return buffers.stream()
        .filter(buffer -> buffer.holds(at, bytes) && (buffer.writable || !write))
        .findFirst()
        .orElseThrow(() ->
            new AssertionError(
                "%s %d bytes at %x, outside of all buffers"
                    .formatted(write ? "writes" : "reads", bytes, at)));
  }

  void check(long at, int bytes) {
    buffer(at, bytes, false);
  }

  int load(long at) {
    Buffer buffer = buffer(at, Integer.BYTES, false);
    return buffer.data.get(INT, at - buffer.address);
  }

  byte loadByte(long at) {
    Buffer buffer = buffer(at, 1, false);
    return buffer.data.get(ValueLayout.JAVA_BYTE, at - buffer.address);
  }

  void store(long at, int value) {
    Buffer buffer = buffer(at, Integer.BYTES, true);
    buffer.data.set(INT, at - buffer.address, value);
  }
}
