package dev.serval.storage.safetensors.packed;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.checkpoint.MadeBytes;
import dev.serval.storage.safetensors.format.RawTensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;

/**
 * A matrix of whole numbers, which are multiplied by a scale of their group, some columns of a row,
 * once the group's zero is taken from them. To a model it is of Q4_0 or Q8_0 if zeros are in the
 * middle, else of Q4_1: the same numbers, with scales as binary16.
 *
 * @param stored a piece of it, for messages
 * @param numbers what is stored
 * @param rows how many rows there are
 * @param columns how many columns
 * @param group how many of these have a scale in common
 * @param dtype the type it has to a model
 */
record GroupedIntegers(
    RawTensor stored, Numbers numbers, long rows, long columns, long group, DType dtype)
    implements MadeBytes.Maker {
  /** How many elements a block of the types has. */
  static final int BLOCK = 32;

  /** What a size of groups is that stands for whole rows. */
  static final int ROW = -1;

  private static final int HALF = BLOCK / 2;
  private static final int MIDDLE = 8;
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** What a matrix is made of. */
  interface Numbers {
    /** Numbers of a row side by side; those of 8 bits less 128. */
    void read(long row, long column, int[] numbers);

    /** What is taken from the numbers of a group. */
    int zero(long row, long group);

    /** By what they are multiplied then. */
    float scale(long row, long group);
  }

  /**
   * The matrix.
   *
   * @param stored a piece of it, for messages
   * @param groupSize how many columns have a scale in common, or {@link #ROW}
   * @param bits how many bits a number has, 4 or 8
   * @param symmetric whether zeros are in the middle
   */
  static GroupedIntegers of(
      RawTensor stored,
      Numbers numbers,
      long rows,
      long columns,
      int groupSize,
      int bits,
      boolean symmetric) {
    long group = groupSize == ROW ? columns : groupSize;
    if (columns % BLOCK != 0 || columns % group != 0) {
      throw stored.problem(
          "is part of a matrix of %d columns; that must be a multiple of %d and of a group's, %d",
          columns, BLOCK, group);
    }
    DType whole = bits == Byte.SIZE ? DType.Q8_0 : DType.Q4_0;
    return new GroupedIntegers(
        stored, numbers, rows, columns, group, symmetric ? whole : DType.Q4_1);
  }

  /** How many groups of a size a row has. */
  static long groups(long columns, int groupSize) {
    return groupSize == ROW ? 1 : Math.ceilDiv(columns, groupSize);
  }

  StoredTensor named(String name) {
    long bytes = dtype.bytes(rows * columns);
    return new StoredTensor(
        name, dtype, List.of(rows, columns), new MadeBytes(bytes, this), Optional.empty());
  }

  @Override
  public void make(long from, MemorySegment to) {
    int[] block = new int[BLOCK];
    int blockBytes = dtype.blockBytes();
    long first = from / blockBytes;
    long count = to.byteSize() / blockBytes;
    for (long i = 0; i < count; i++) {
      long row = (first + i) * BLOCK / columns;
      long column = (first + i) * BLOCK % columns;
      numbers.read(row, column, block);
      write(block, scale(row, column / group), zero(row, column / group), to, i * blockBytes);
    }
  }

  private float scale(long row, long group) {
    float scale = numbers.scale(row, group);
    if (!Float.isFinite(Float.float16ToFloat(Float.floatToFloat16(scale)))) {
      throw stored.problem(
          "has the scale %s in row %d; it must be a number of binary16", scale, row);
    }
    return scale;
  }

  private int zero(long row, long group) {
    int zero = numbers.zero(row, group);
    int middle = middle(dtype == DType.Q8_0 ? Byte.SIZE : Byte.SIZE / 2);
    if (dtype != DType.Q4_1 && zero != middle) {
      throw stored.problem(
          "has a zero in row %d that is %d from the middle; the configuration says that all are there",
          row, zero - middle);
    }
    return zero;
  }

  private void write(int[] block, float scale, int zero, MemorySegment to, long at) {
    to.set(SHORT, at, Float.floatToFloat16(scale));
    long begin = at + Short.BYTES;
    if (dtype == DType.Q8_0) {
      for (int i = 0; i < BLOCK; i++) {
        to.set(ValueLayout.JAVA_BYTE, begin + i, (byte) block[i]);
      }
      return;
    }
    if (dtype == DType.Q4_1) {
      to.set(SHORT, begin, Float.floatToFloat16(-zero * scale));
      begin += Short.BYTES;
    }
    for (int i = 0; i < HALF; i++) {
      to.set(ValueLayout.JAVA_BYTE, begin + i, (byte) (block[i] | (block[i + HALF] << 4)));
    }
  }

  /** The zero of numbers as they are read. */
  static int middle(int bits) {
    return bits == 4 ? MIDDLE : 0;
  }
}
