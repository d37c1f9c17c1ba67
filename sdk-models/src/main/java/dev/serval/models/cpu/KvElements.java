package dev.serval.models.cpu;

import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Reads and writes the elements of KV blocks, in whatever type a block keeps them.
 *
 * <p>A head's values lie slot after slot, its keys dimension after dimension, so that the keys of
 * neighbouring positions make a vector. In {@link DType#Q8_0} a slot's 32 elements share a scale:
 * for values it lies before them; for keys the scales of all slots lie before their 32 dimensions.
 */
public final class KvElements {
  /** Elements that share a scale. */
  public static final int GROUP = DType.Q8_0.blockElements();

  private static final float MOST = 127;

  private final MemorySegment data;
  private final DType dtype;
  private final int headDim;
  private final int slots;
  private final int step;
  private final long slotBytes;

  /**
   * Of one memory.
   *
   * @param data its bytes
   * @param layout how they are laid out
   */
  KvElements(MemorySegment data, KvLayout layout) {
    this.data = data;
    dtype = layout.dtype();
    headDim = layout.headDim();
    slots = layout.blockTokens();
    step = dtype == DType.Q8_0 ? Byte.BYTES : dtype.blockBytes();
    slotBytes = dtype.bytes(headDim);
  }

  /**
   * Where an element of a key lies, from the head's first byte.
   *
   * @param dim which dimension
   * @param slot which slot
   */
  public long keyAt(int dim, int slot) {
    long scales = dtype == DType.Q8_0 ? (dim / GROUP + 1L) * Short.BYTES * slots : 0;
    return scales + ((long) dim * slots + slot) * step;
  }

  /**
   * Where the scale of a key's dimensions lies, from the head's first byte.
   *
   * @param dim which dimension
   * @param slot which slot
   */
  public long keyScaleAt(int dim, int slot) {
    return (long) (dim / GROUP) * slots * DType.Q8_0.blockBytes() + (long) slot * Short.BYTES;
  }

  /**
   * Where an element of a value lies, from the head's first byte.
   *
   * @param slot which slot
   * @param dim which dimension
   */
  public long valueAt(int slot, int dim) {
    long scales = dtype == DType.Q8_0 ? (dim / GROUP + 1L) * Short.BYTES : 0;
    return slot * slotBytes + scales + (long) dim * step;
  }

  /**
   * Where the scale of a value's dimensions lies, from the head's first byte.
   *
   * @param slot which slot
   * @param dim which dimension
   */
  public long valueScaleAt(int slot, int dim) {
    return slot * slotBytes + (long) dim / GROUP * DType.Q8_0.blockBytes();
  }

  /** Writes a head's key of BF16 to a slot. */
  void writeKey(short[] bits, int from, long head, int slot) {
    long to = head + keyAt(0, slot);
    long apart = (long) slots * Short.BYTES;
    for (int dim = 0; dim < headDim; dim++) {
      data.set(ValueLayout.JAVA_SHORT, to + dim * apart, bits[from + dim]);
    }
  }

  /** Writes a head's value of BF16 to a slot. */
  void writeValue(short[] bits, int from, long head, int slot) {
    long to = head + valueAt(slot, 0);
    MemorySegment.copy(bits, from, data, ValueLayout.JAVA_SHORT, to, headDim);
  }

  /** Rounds a head's key and writes it to a slot. */
  void writeKey(CpuActivations in, long from, long head, int slot) {
    if (dtype == DType.Q8_0) {
      for (int dim = 0; dim < headDim; dim += GROUP) {
        float scale = scale(in, from + dim);
        half(head + keyScaleAt(dim, slot), Float.floatToFloat16(scale));
        octets(in, from + dim, scale, head + keyAt(dim, slot), slots);
      }
    } else {
      write(in, from, head + keyAt(0, slot), (long) slots * step);
    }
  }

  /** Rounds a head's value and writes it to a slot. */
  void writeValue(CpuActivations in, long from, long head, int slot) {
    if (dtype == DType.Q8_0) {
      for (int dim = 0; dim < headDim; dim += GROUP) {
        float scale = scale(in, from + dim);
        half(head + valueScaleAt(slot, dim), Float.floatToFloat16(scale));
        octets(in, from + dim, scale, head + valueAt(slot, dim), 1);
      }
    } else {
      write(in, from, head + valueAt(slot, 0), step);
    }
  }

  private void write(CpuActivations in, long from, long to, long apart) {
    switch (dtype) {
      case F32 -> {
        for (int dim = 0; dim < headDim; dim++) {
          data.set(ValueLayout.JAVA_FLOAT, to + dim * apart, in.at(from + dim));
        }
      }
      case F16 -> {
        for (int dim = 0; dim < headDim; dim++) {
          half(to + dim * apart, Float.floatToFloat16(in.at(from + dim)));
        }
      }
      default -> throw new IllegalStateException("KV memory of " + dtype + " was let through");
    }
  }

  private void half(long at, short bits) {
    data.set(ValueLayout.JAVA_SHORT, at, bits);
  }

  /** What the largest of a group is 127 times of; an element that is no number makes it none. */
  private static float scale(CpuActivations in, long from) {
    float largest = 0;
    for (int i = 0; i < GROUP; i++) {
      largest = Math.max(largest, Math.abs(in.at(from + i)));
    }
    return largest / MOST;
  }

  private void octets(CpuActivations in, long from, float scale, long to, long apart) {
    float inverse = scale == 0 ? 0 : 1 / scale;
    for (int i = 0; i < GROUP; i++) {
      int rounded = (int) Math.rint(in.at(from + i) * inverse);
      data.set(ValueLayout.JAVA_BYTE, to + i * apart, (byte) rounded);
    }
  }

  /** Widens one dimension of consecutive slots' keys. */
  public void readKeys(long head, int dim, int slot, int count, float[] to, int at) {
    if (dtype != DType.Q8_0) {
      read(head + keyAt(dim, slot), count, to, at);
      return;
    }
    long from = head + keyAt(dim, slot);
    long scale = head + keyScaleAt(dim, slot);
    for (int i = 0; i < count; i++) {
      to[at + i] = data.get(ValueLayout.JAVA_BYTE, from + i) * half(scale + 2L * i);
    }
  }

  /** Widens one slot's value. */
  public void readValue(long head, int slot, float[] to) {
    if (dtype != DType.Q8_0) {
      read(head + valueAt(slot, 0), headDim, to, 0);
      return;
    }
    for (int dim = 0; dim < headDim; dim += GROUP) {
      float scale = half(head + valueScaleAt(slot, dim));
      long from = head + valueAt(slot, dim);
      for (int i = 0; i < GROUP; i++) {
        to[dim + i] = data.get(ValueLayout.JAVA_BYTE, from + i) * scale;
      }
    }
  }

  private void read(long from, int count, float[] to, int at) {
    switch (dtype) {
      case F32 -> MemorySegment.copy(data, ValueLayout.JAVA_FLOAT, from, to, at, count);
      case F16 -> {
        for (int i = 0; i < count; i++) {
          to[at + i] = half(from + 2L * i);
        }
      }
      default -> {
        for (int i = 0; i < count; i++) {
          to[at + i] = BFloat16.toFloat(data.get(ValueLayout.JAVA_SHORT, from + 2L * i));
        }
      }
    }
  }

  private float half(long at) {
    return Float.float16ToFloat(data.get(ValueLayout.JAVA_SHORT, at));
  }
}
