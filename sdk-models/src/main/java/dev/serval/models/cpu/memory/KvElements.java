package dev.serval.models.cpu.memory;

import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvShape;
import dev.serval.api.compute.DType;
import dev.serval.models.cpu.arithmetic.BFloat16;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Reads and writes the elements of KV blocks, in whatever type a block keeps them.
 *
 * <p>A head's values lie slot after slot, its keys dimension after dimension, so that the keys of
 * neighbouring positions make a vector. In {@link DType#Q8_0} a slot's 32 elements share a scale:
 * for values it lies before them; for keys the scales of all slots lie before their 32 dimensions.
 *
 * <p>In {@link DType#BF16} two neighbours lie together, as dot products of BF16 take them: keys as
 * {@code [slots / 16][dimensions / 2][slot of 16][dimension of 2]}, values as {@code [dimensions /
 * 16][slots / 2][dimension of 16][slot of 2]}. Numbers of slots or dimensions that are no multiple
 * of 16 are one run of as many as there are, and where one of two would be missing, each lies
 * alone.
 */
public final class KvElements {
  /** Elements that share a scale. */
  public static final int GROUP = DType.Q8_0.blockElements();

  /** Slots of keys, and dimensions of values, that lie side by side in BF16. */
  public static final int LANES = 16;

  private static final float MOST = 127;

  private final MemorySegment data;
  private final DType dtype;
  private final int keyDim;
  private final int valueDim;
  private final int slots;
  private final int step;
  private final long slotBytes;
  private final Order keys;
  private final Order values;

  /**
   * Where the elements of a head lie: {@code [lanes / together][columns / pair][lane][column]}.
   *
   * @param columns how many columns there are
   * @param together lanes that lie side by side
   * @param pair columns that do
   */
  private record Order(int columns, int together, int pair) {
    static Order plain(int lanes, int columns) {
      return new Order(columns, lanes, 1);
    }

    static Order paired(int lanes, int columns) {
      return new Order(columns, lanes % LANES == 0 ? LANES : lanes, columns % 2 == 0 ? 2 : 1);
    }

    long at(int lane, int column) {
      long run = (long) (lane / together) * (columns / pair) + column / pair;
      return (run * together + lane % together) * pair + column % pair;
    }
  }

  /**
   * Of layers of one shape.
   *
   * @param data the bytes of all blocks
   * @param layout how they are laid out
   * @param shape of the layers
   */
  KvElements(MemorySegment data, KvLayout layout, KvShape shape) {
    this.data = data;
    dtype = layout.dtype();
    keyDim = shape.keyDim();
    valueDim = shape.valueDim();
    slots = layout.blockTokens();
    step = dtype == DType.Q8_0 ? Byte.BYTES : dtype.blockBytes();
    slotBytes = dtype.bytes(valueDim);
    boolean paired = dtype == DType.BF16;
    keys = paired ? Order.paired(slots, keyDim) : Order.plain(slots, keyDim);
    values = paired ? Order.paired(valueDim, slots) : Order.plain(valueDim, slots);
  }

  /** The bytes of all blocks. */
  public MemorySegment data() {
    return data;
  }

  /** How elements are kept. */
  public DType dtype() {
    return dtype;
  }

  /** How many slots a block has. */
  public int slots() {
    return slots;
  }

  /**
   * Whether two neighbouring dimensions of a key, and two neighbouring slots of a value, are one.
   */
  public boolean paired() {
    return keys.pair() == 2 && values.pair() == 2;
  }

  /**
   * Where an element of a key lies, from the head's first byte.
   *
   * @param dim which dimension
   * @param slot which slot
   */
  public long keyAt(int dim, int slot) {
    long scales = dtype == DType.Q8_0 ? (dim / GROUP + 1L) * Short.BYTES * slots : 0;
    return scales + keys.at(slot, dim) * step;
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
    return dtype == DType.Q8_0 ? slot * slotBytes + scales + dim : values.at(dim, slot) * step;
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
  public void writeKey(short[] bits, int from, long head, int slot) {
    for (int within = 0; within < keys.pair(); within++) {
      long to = head + keyAt(within, slot);
      long apart = (long) keys.together() * keys.pair() * Short.BYTES;
      for (int dim = within; dim < keyDim; dim += keys.pair()) {
        data.set(ValueLayout.JAVA_SHORT, to, bits[from + dim]);
        to += apart;
      }
    }
  }

  /** Writes a head's value of BF16 to a slot. */
  public void writeValue(short[] bits, int from, long head, int slot) {
    long apart = (long) values.pair() * Short.BYTES;
    for (int dim = 0; dim < valueDim; dim += values.together()) {
      long to = head + valueAt(slot, dim);
      for (int lane = 0; lane < values.together(); lane++) {
        data.set(ValueLayout.JAVA_SHORT, to + lane * apart, bits[from + dim + lane]);
      }
    }
  }

  /** Rounds a head's key and writes it to a slot. */
  public void writeKey(CpuActivations in, long from, long head, int slot) {
    if (dtype == DType.Q8_0) {
      for (int dim = 0; dim < keyDim; dim += GROUP) {
        float scale = scale(in, from + dim);
        half(head + keyScaleAt(dim, slot), Float.floatToFloat16(scale));
        octets(in, from + dim, scale, head + keyAt(dim, slot), slots);
      }
    } else {
      write(in, from, keyDim, head + keyAt(0, slot), (long) slots * step);
    }
  }

  /** Rounds a head's value and writes it to a slot. */
  public void writeValue(CpuActivations in, long from, long head, int slot) {
    if (dtype == DType.Q8_0) {
      for (int dim = 0; dim < valueDim; dim += GROUP) {
        float scale = scale(in, from + dim);
        half(head + valueScaleAt(slot, dim), Float.floatToFloat16(scale));
        octets(in, from + dim, scale, head + valueAt(slot, dim), 1);
      }
    } else {
      write(in, from, valueDim, head + valueAt(slot, 0), step);
    }
  }

  private void write(CpuActivations in, long from, int count, long to, long apart) {
    switch (dtype) {
      case F32 -> {
        for (int dim = 0; dim < count; dim++) {
          data.set(ValueLayout.JAVA_FLOAT, to + dim * apart, in.at(from + dim));
        }
      }
      case F16 -> {
        for (int dim = 0; dim < count; dim++) {
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
      read(head, keys, slot, dim, count, to, at);
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
      read(head, values, 0, slot, valueDim, to, 0);
      return;
    }
    for (int dim = 0; dim < valueDim; dim += GROUP) {
      float scale = half(head + valueScaleAt(slot, dim));
      long from = head + valueAt(slot, dim);
      for (int i = 0; i < GROUP; i++) {
        to[dim + i] = data.get(ValueLayout.JAVA_BYTE, from + i) * scale;
      }
    }
  }

  /** Widens neighbouring lanes of a column, a run of those that lie side by side at a time. */
  private void read(long head, Order order, int lane, int column, int count, float[] to, int at) {
    int done = 0;
    while (done < count) {
      int next = lane + done;
      int run = Math.min(order.together() - next % order.together(), count - done);
      read(head + order.at(next, column) * step, (long) order.pair() * step, run, to, at + done);
      done += run;
    }
  }

  private void read(long from, long apart, int count, float[] to, int at) {
    switch (dtype) {
      case F32 -> MemorySegment.copy(data, ValueLayout.JAVA_FLOAT, from, to, at, count);
      case F16 -> {
        for (int i = 0; i < count; i++) {
          to[at + i] = half(from + apart * i);
        }
      }
      default -> {
        for (int i = 0; i < count; i++) {
          to[at + i] = BFloat16.toFloat(data.get(ValueLayout.JAVA_SHORT, from + apart * i));
        }
      }
    }
  }

  private float half(long at) {
    return Float.float16ToFloat(data.get(ValueLayout.JAVA_SHORT, at));
  }
}
