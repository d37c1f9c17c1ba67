package dev.serval.gpu.memory;

import java.util.Map;
import java.util.TreeMap;

/** What of a piece of memory is free: ranges that do not touch each other, by where they begin. */
final class FreeRanges {
  private final TreeMap<Long, Long> ranges = new TreeMap<>();

  FreeRanges(long size) {
    ranges.put(0L, size);
  }

  /** Takes the first range that fits; its offset, or -1 when none does. */
  long take(long bytes) {
    long offset = first(bytes);
    Long size = ranges.remove(offset);
    if (size != null && size > bytes) {
      ranges.put(offset + bytes, size - bytes);
    }
    return offset;
  }

  private long first(long bytes) {
    for (Map.Entry<Long, Long> range : ranges.entrySet()) {
      if (range.getValue() >= bytes) {
        return range.getKey();
      }
    }
    return -1;
  }

  /** Gives back what was taken, which grows together with what is free beside it. */
  void give(long offset, long bytes) {
    long begin = offset;
    long size = bytes;
    Map.Entry<Long, Long> before = ranges.lowerEntry(offset);
    if (before != null && before.getKey() + before.getValue() == offset) {
      begin = before.getKey();
      size += before.getValue();
    }
    Long after = ranges.remove(offset + bytes);
    if (after != null) {
      size += after;
    }
    ranges.put(begin, size);
  }

  /** How much is free. */
  long size() {
    return ranges.values().stream().mapToLong(Long::longValue).sum();
  }

  /** In how many ranges. */
  int count() {
    return ranges.size();
  }
}
