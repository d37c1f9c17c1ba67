package dev.serval.models.sampling;

import java.util.Arrays;

/**
 * Some tokens of a row, ranked by their logits and, among equals, by their ids. A token is one
 * long: the logit's bits, turned so that a larger logit is a smaller number, above the id.
 * Selecting a leading part is a partial selection (Hoare's FIND, <a
 * href="https://doi.org/10.1145/366622.366647">CACM 1961</a>) and leaves the part itself unsorted.
 * Reused; grows to what the largest draw needed.
 */
final class RankedTokens {
  private long[] keys = new long[256];
  private int count;

  int count() {
    return count;
  }

  int id(int index) {
    return (int) keys[index];
  }

  float logit(int index) {
    int ordered = ~(int) (keys[index] >>> 32);
    return Float.intBitsToFloat(ordered ^ ((ordered >> 31) & Integer.MAX_VALUE));
  }

  /** Takes the first {@code k} in rank, in one pass with room for 2 {@code k}. */
  void takeFirst(float[] logits, int vocabulary, int k) {
    int room = Math.min(vocabulary, 2 * Math.min(k, vocabulary));
    reserve(room);
    count = 0;
    long bar = Long.MAX_VALUE;
    for (int id = 0; id < vocabulary; id++) {
      long key = key(logits[id], id);
      if (key >= bar) {
        continue;
      }
      if (count == room) {
        keepFirst(k);
        bar = keys[k - 1];
        if (key >= bar) {
          continue;
        }
      }
      keys[count++] = key;
    }
    keepFirst(k);
  }

  /** Takes all whose logit is at least this. */
  void takeFrom(float[] logits, int vocabulary, double least) {
    count = 0;
    for (int id = 0; id < vocabulary; id++) {
      if (logits[id] >= least) {
        if (count == keys.length) {
          reserve(2 * count);
        }
        keys[count++] = key(logits[id], id);
      }
    }
  }

  /**
   * Keeps the shortest leading part whose weights sum to at least {@code mass}; all if none does.
   */
  void keepMass(double mass, Softmax softmax) {
    double sure = 0;
    int from = 0;
    int to = count;
    while (to - from > 1) {
      int middle = partition(from, to);
      double upper = sure;
      for (int i = from; i < middle; i++) {
        upper += softmax.weight(logit(i));
      }
      if (upper >= mass) {
        to = middle;
      } else {
        sure = upper + softmax.weight(logit(middle));
        from = middle + 1;
        to = sure >= mass ? from : to;
      }
    }
    count = Math.max(to, Math.min(count, 1));
  }

  /** Keeps those whose weight is at least this; the order stays. */
  void keepWeight(double least, Softmax softmax) {
    int kept = 0;
    for (int i = 0; i < count; i++) {
      if (softmax.weight(logit(i)) >= least) {
        keys[kept++] = keys[i];
      }
    }
    count = kept;
  }

  void sort() {
    Arrays.sort(keys, 0, count);
  }

  private void keepFirst(int k) {
    if (count <= k) {
      return;
    }
    int from = 0;
    int to = count;
    while (to - from > 1) {
      int middle = partition(from, to);
      if (middle == k - 1) {
        break;
      }
      if (middle >= k) {
        to = middle;
      } else {
        from = middle + 1;
      }
    }
    count = k;
  }

  /** Moves one of a range to its place in rank, with all before it that rank before it. */
  private int partition(int from, int to) {
    int last = to - 1;
    swap(medianOf(from, (from + last) >>> 1, last), last);
    long pivot = keys[last];
    int place = from;
    for (int i = from; i < last; i++) {
      if (keys[i] < pivot) {
        swap(i, place++);
      }
    }
    swap(place, last);
    return place;
  }

  private int medianOf(int a, int b, int c) {
    if (keys[a] < keys[b]) {
      return keys[b] < keys[c] ? b : keys[a] < keys[c] ? c : a;
    }
    return keys[a] < keys[c] ? a : keys[b] < keys[c] ? c : b;
  }

  private void swap(int a, int b) {
    long key = keys[a];
    keys[a] = keys[b];
    keys[b] = key;
  }

  private void reserve(int room) {
    if (room > keys.length) {
      keys = Arrays.copyOf(keys, room);
    }
  }

  private static long key(float logit, int id) {
    int bits = Float.floatToRawIntBits(logit + 0.0f);
    int ordered = bits ^ ((bits >> 31) & Integer.MAX_VALUE);
    return ((long) ~ordered << 32) | id;
  }
}
