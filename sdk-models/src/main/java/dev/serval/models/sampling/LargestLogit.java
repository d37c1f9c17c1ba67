package dev.serval.models.sampling;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Finds the first of a row's largest logits. A stretch at a time: its largest is found among its
 * bits, in an order of integers that is the order of floats, which the compiler turns into vector
 * instructions; then only a stretch with a larger one than all before it is looked through.
 */
final class LargestLogit {
  private static final int STRETCH = 1024;
  private static final int INFINITY = 0x7F80_0000;

  private final int[] bits = new int[STRETCH];
  private int id;
  private float value;

  /** Looks at a row's first logits. */
  void find(MemorySegment row, int count) {
    begin();
    for (int from = 0; goesOn(from, count); from += STRETCH) {
      int length = Math.min(STRETCH, count - from);
      MemorySegment.copy(row, ValueLayout.JAVA_INT, (long) from * Float.BYTES, bits, 0, length);
      look(from, length);
    }
  }

  /** Looks at the first of these. */
  void find(float[] logits, int count) {
    begin();
    for (int from = 0; goesOn(from, count); from += STRETCH) {
      int length = Math.min(STRETCH, count - from);
      for (int i = 0; i < length; i++) {
        bits[i] = Float.floatToRawIntBits(logits[from + i]);
      }
      look(from, length);
    }
  }

  private void begin() {
    id = 0;
    value = Float.NEGATIVE_INFINITY;
  }

  private boolean goesOn(int from, int count) {
    return from < count && !Float.isNaN(value);
  }

  /** The first of the largest, or the first that is no number. */
  int id() {
    return id;
  }

  /** Its value; minus infinity if there is no larger one. */
  float value() {
    return value;
  }

  private void look(int from, int length) {
    if (greatestMagnitude(bits, length) > INFINITY) {
      take(from, first(length, Float.NaN));
    } else {
      float largest = Float.intBitsToFloat(ordered(greatest(bits, length)));
      if (largest > value) {
        take(from, first(length, largest));
      }
    }
  }

  private void take(int from, int place) {
    id = from + place;
    value = Float.intBitsToFloat(bits[place]);
  }

  /** Where a value is first; both zeros are one. */
  private int first(int length, float wanted) {
    int place = 0;
    while (place + 1 < length && !same(Float.intBitsToFloat(bits[place]), wanted)) {
      place++;
    }
    return place;
  }

  private static boolean same(float value, float wanted) {
    return value == wanted || (Float.isNaN(value) && Float.isNaN(wanted));
  }

  private static int greatestMagnitude(int[] bits, int length) {
    int most = 0;
    for (int i = 0; i < length; i++) {
      most = Math.max(most, bits[i] & Integer.MAX_VALUE);
    }
    return most;
  }

  private static int greatest(int[] bits, int length) {
    int most = Integer.MIN_VALUE;
    for (int i = 0; i < length; i++) {
      most = Math.max(most, ordered(bits[i]));
    }
    return most;
  }

  /** Bits of numbers as integers in the same order; its own inverse. */
  private static int ordered(int bits) {
    return bits ^ (bits >> 31 & Integer.MAX_VALUE);
  }
}
