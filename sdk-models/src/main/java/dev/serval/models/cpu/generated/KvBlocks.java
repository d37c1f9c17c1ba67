package dev.serval.models.cpu.generated;

import dev.serval.api.device.NativeMemory;
import dev.serval.models.cpu.attention.AttentionKernel;
import dev.serval.models.cpu.attention.SlotReader;
import dev.serval.models.cpu.memory.KvElements;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Where the keys and values of a stretch lie in the cache, 16 positions to a block, and the keys
 * that will probably be read next. Values of positions that are not read count as 0: a block that
 * has some is copied without them.
 */
final class KvBlocks implements SlotReader {
  private static final int ALIGNMENT = 64;
  private static final int POSITIONS = AttentionTile.POSITIONS;
  private static final int BLOCKS = AttentionKernel.STRETCH / POSITIONS;
  private static final int KEYS = 0;
  private static final int VALUES = BLOCKS;
  private static final int NEXT = 2 * BLOCKS;
  private static final int PAIR_BYTES = Width.ZMM.bytes();
  private static final int FIRST_OF_PAIR = 0x0000FFFF;
  private static final int SECOND_OF_PAIR = 0xFFFF0000;

  private final MemorySegment lists;
  private final MemorySegment none;
  private final MemorySegment[] copies;
  private final int runs;
  private final long runBytes;
  private final long keyBytes;
  private final SlotReader next =
      (elements, keyHead, valueHead, slot, count, position) ->
          listKeys(NEXT, elements, keyHead, slot, count, position);
  private int copied;

  KvBlocks(NativeMemory owner, AttentionProducts shape) {
    lists = owner.allocate(3L * BLOCKS * Long.BYTES, ALIGNMENT);
    runs = shape.valueDim() / Width.ZMM.lanes();
    runBytes = shape.runBytes();
    keyBytes = (long) POSITIONS * shape.keyDim() * Short.BYTES;
    long valueBytes = runs * runBytes;
    none = owner.allocate(Math.max(keyBytes, valueBytes), ALIGNMENT).fill((byte) 0);
    copies = new MemorySegment[2];
    for (int i = 0; i < copies.length; i++) {
      copies[i] = owner.allocate(valueBytes, ALIGNMENT);
    }
  }

  /** How far 16 dimensions of a head's values are from the next. */
  static int runBytes(int blockTokens) {
    return blockTokens / 2 * PAIR_BYTES;
  }

  private void list(int list, int block, long address) {
    lists.setAtIndex(ValueLayout.JAVA_LONG, list + block, address);
  }

  /**
   * Begins a stretch.
   *
   * @param from the first position that will be read
   * @param to behind the last
   * @return the positions of the stretch, whole groups
   */
  int begin(int from, int to) {
    int positions = Math.ceilDiv(to, ActivationGroup.COLUMNS) * ActivationGroup.COLUMNS;
    copied = 0;
    leaveOut(0, from / POSITIONS);
    leaveOut(Math.ceilDiv(to, POSITIONS), positions / POSITIONS);
    for (int block = 0; block < BLOCKS; block++) {
      list(NEXT, block, none.address());
    }
    return positions;
  }

  private void leaveOut(int from, int to) {
    for (int block = from; block < to; block++) {
      list(KEYS, block, none.address());
      list(VALUES, block, none.address());
    }
  }

  @Override
  public void read(
      KvElements elements, long keyHead, long valueHead, int slot, int count, int position) {
    listKeys(KEYS, elements, keyHead, slot, count, position);
    int end = slot + count;
    int first = slot - slot % POSITIONS;
    int block = (position - slot + first) / POSITIONS;
    long value = valueHead + (long) (first / POSITIONS) * AttentionTile.RUN_BYTES;
    for (; first < end; first += POSITIONS) {
      list(VALUES, block++, values(elements, value, slot - first, end - first));
      value += AttentionTile.RUN_BYTES;
    }
  }

  private void listKeys(
      int list, KvElements elements, long keyHead, int slot, int count, int position) {
    int first = slot - slot % POSITIONS;
    int block = (position - slot + first) / POSITIONS;
    long key = elements.data().address() + keyHead + first / POSITIONS * keyBytes;
    for (; first < slot + count; first += POSITIONS) {
      list(list, block++, key);
      key += keyBytes;
    }
  }

  /** Where a block's values are, those of positions before {@code from} or from {@code to} on 0. */
  private long values(KvElements elements, long at, int from, int to) {
    if (from <= 0 && to >= POSITIONS) {
      return elements.data().address() + at;
    }
    MemorySegment copy = copies[copied++];
    for (int run = 0; run < runs; run++) {
      long start = run * runBytes;
      MemorySegment.copy(elements.data(), at + start, copy, start, AttentionTile.RUN_BYTES);
      clear(copy, start, 0, from);
      clear(copy, start, to, POSITIONS);
    }
    return copy.address();
  }

  /** Clears some of a run's positions: whole pairs, and one of a pair where they begin or end. */
  private void clear(MemorySegment copy, long start, int from, int to) {
    if (from >= to) {
      return;
    }
    int firstPair = Math.ceilDiv(from, 2);
    int endPair = to / 2;
    if (firstPair < endPair) {
      long bytes = (long) (endPair - firstPair) * PAIR_BYTES;
      MemorySegment.copy(none, 0, copy, start + (long) firstPair * PAIR_BYTES, bytes);
    }
    if (from % 2 == 1) {
      keep(copy, start + from / 2L * PAIR_BYTES, FIRST_OF_PAIR);
    }
    if (to % 2 == 1) {
      keep(copy, start + to / 2L * PAIR_BYTES, SECOND_OF_PAIR);
    }
  }

  private static void keep(MemorySegment pairs, long at, int mask) {
    for (int lane = 0; lane < Width.ZMM.lanes(); lane++) {
      long pair = at + (long) lane * Integer.BYTES;
      pairs.set(ValueLayout.JAVA_INT, pair, pairs.get(ValueLayout.JAVA_INT, pair) & mask);
    }
  }

  /** Takes over where keys are that will probably be read after this stretch. */
  SlotReader next() {
    return next;
  }

  /** The address of the list of blocks of keys. */
  long keys() {
    return lists.address();
  }

  /** The address of the list of blocks of values. */
  long values() {
    return lists.address() + AttentionTile.ASKED;
  }
}
