package dev.serval.models.sampling;

import java.util.Arrays;

/** How often each of a few tokens was counted, by open addressing; iterated in order of arrival. */
final class TokenCounts {
  private int[] ids = new int[16];
  private int[] counts = new int[16];
  private int[] slots = new int[64];
  private int size;

  /** Makes a token known, and counts it {@code times} more. */
  void add(int id, int times) {
    int slot = slot(id);
    if (slots[slot] == 0) {
      if (size == ids.length) {
        grow();
        slot = slot(id);
      }
      ids[size] = id;
      counts[size] = 0;
      slots[slot] = ++size;
    }
    counts[slots[slot] - 1] += times;
  }

  int size() {
    return size;
  }

  int id(int index) {
    return ids[index];
  }

  int count(int index) {
    return counts[index];
  }

  private int slot(int id) {
    int mask = slots.length - 1;
    int slot = ((id * 0x9e3779b9) >>> 7) & mask;
    while (slots[slot] != 0 && ids[slots[slot] - 1] != id) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private void grow() {
    ids = Arrays.copyOf(ids, 2 * size);
    counts = Arrays.copyOf(counts, 2 * size);
    slots = new int[8 * size];
    for (int i = 0; i < size; i++) {
      slots[slot(ids[i])] = i + 1;
    }
  }
}
