package dev.serval.models.cpu.generated;

import dev.serval.api.device.NativeMemory;
import dev.serval.models.cpu.CpuKvMemory;
import dev.serval.models.cpu.SlotReader;
import java.lang.foreign.MemorySegment;

/**
 * A stretch of keys and values of BF16, as tiles multiply them: a block of keys is 16 positions,
 * all dimensions of them, and a block of values 16 dimensions of all positions.
 */
final class PairTiles implements SlotReader {
  /** Positions of a stretch. */
  static final int STRETCH = 256;

  private static final int ALIGNMENT = 64;
  private static final int LANES = Width.ZMM.lanes();
  private static final int PAIR_BYTES = Width.ZMM.bytes();
  private static final int PAIRS = LANES / 2;

  /** Between blocks, which would else lie in the same lines of the first-level cache. */
  private static final int SPARE_PAIRS = 1;

  private final MemorySegment keys;
  private final MemorySegment values;
  private final MemorySegment part;
  private final MemorySegment zeros;
  private final MemorySegment routine;
  private final int headDim;
  private long valueBytes;

  PairTiles(NativeMemory owner, MemorySegment routine, int headDim) {
    this.routine = routine;
    this.headDim = headDim;
    keys = owner.allocate(STRETCH / LANES * keyBytes(), ALIGNMENT);
    long mostPairs = STRETCH / 2 + SPARE_PAIRS;
    values = owner.allocate(headDim / LANES * mostPairs * PAIR_BYTES, ALIGNMENT);
    part = owner.allocate((long) LANES * headDim * Short.BYTES, ALIGNMENT);
    zeros = owner.allocate((long) STRETCH / 2 * PAIR_BYTES, ALIGNMENT).fill((byte) 0);
  }

  /**
   * Begins a stretch. Values that are not read count as 0, whatever lies in the cache.
   *
   * @param from the first position that will be read
   * @param to behind the last
   * @return the positions of the stretch, whole groups
   */
  int begin(int from, int to) {
    int groups = Math.ceilDiv(to, ActivationGroup.COLUMNS);
    int positions = groups * ActivationGroup.COLUMNS;
    valueBytes = (positions / 2L + SPARE_PAIRS) * PAIR_BYTES;
    for (int block = 0; block < headDim / LANES; block++) {
      clear(block, 0, from / LANES * LANES);
      clear(block, Math.ceilDiv(to, LANES) * LANES, positions);
    }
    return positions;
  }

  private void clear(int block, int from, int to) {
    long bytes = (long) (to - from) / 2 * PAIR_BYTES;
    MemorySegment.copy(zeros, 0, values, block * valueBytes + from / 2L * PAIR_BYTES, bytes);
  }

  @Override
  public void read(
      CpuKvMemory kv, long keyHead, long valueHead, int slot, int count, int position) {
    int end = slot + count;
    int stretch = position - slot;
    for (int first = slot / LANES * LANES; first < end; first += LANES) {
      readKeys(kv, keyHead, first, stretch + first);
      long at = valueHead + kv.elements().valueAt(first, 0);
      if (slot <= first && first + LANES <= end) {
        readValues(kv.segment().address() + at, stretch + first);
      } else {
        int from = Math.max(slot, first) - first;
        readPart(kv.segment(), at, from, Math.min(end - first, LANES), stretch + first);
      }
    }
  }

  /** Keys of positions that were not asked for may be anything: they are never seen. */
  private void readKeys(CpuKvMemory kv, long head, int slot, int position) {
    long from = kv.segment().address() + head + kv.elements().keyAt(0, slot);
    long apart = kv.elements().keyAt(1, slot) - kv.elements().keyAt(0, slot);
    long to = keys.address() + position / LANES * keyBytes();
    NativeCalls.pairs(routine, from, to, headDim / 2, apart, 1, 0);
  }

  private void readValues(long from, int position) {
    long to = values.address() + position / 2L * PAIR_BYTES;
    long apart = (long) headDim * Short.BYTES;
    NativeCalls.pairs(routine, from, to, PAIRS, apart, headDim / LANES, valueBytes);
  }

  private void readPart(MemorySegment data, long at, int from, int to, int position) {
    long apart = (long) headDim * Short.BYTES;
    part.fill((byte) 0);
    MemorySegment.copy(data, at + from * apart, part, from * apart, (to - from) * apart);
    readValues(part.address(), position);
  }

  /** Where the keys begin. */
  long keys() {
    return keys.address();
  }

  /** The size of a block of keys. */
  long keyBytes() {
    return (headDim / 2L + SPARE_PAIRS) * PAIR_BYTES;
  }

  /** Where the values begin. */
  long values() {
    return values.address();
  }

  /** The size of a block of values in this stretch. */
  long valueBytes() {
    return valueBytes;
  }
}
