package dev.serval.models.cpu.generated;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Halves of floats in pairs of columns.
 *
 * @param form which
 * @param lanes matrix rows of a block
 * @param columns how many there are
 */
record FloatLayout(FloatForm form, int lanes, int columns) implements BlockLayout {
  private static final ValueLayout.OfShort STORED =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt PAIR =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  @Override
  public int groups() {
    return Math.ceilDiv(columns, ActivationGroup.COLUMNS);
  }

  @Override
  public int groupBytes() {
    return form.groupBytes(lanes);
  }

  @Override
  public long blockBytes() {
    return (long) groups() * groupBytes();
  }

  @Override
  public void pack(MemorySegment[] rows, int count, MemorySegment data, long at) {
    for (int first = 0; first < columns; first += ActivationGroup.COLUMNS) {
      int end = Math.min(first + ActivationGroup.COLUMNS, columns);
      for (int lane = 0; lane < count; lane++) {
        switch (form) {
          case BF16 -> packPairs(rows[lane], lane, first, end, data, at);
          case F16 -> packHalves(rows[lane], lane, first, end, data, at);
        }
      }
    }
  }

  private void packPairs(
      MemorySegment row, int lane, int first, int end, MemorySegment data, long at) {
    long to = at + place(lane, first);
    long step = (long) lanes * Integer.BYTES;
    for (int column = first; column + 1 < end; column += 2) {
      data.set(ValueLayout.JAVA_INT, to, row.get(PAIR, (long) column * Short.BYTES));
      to += step;
    }
    if (end % 2 != 0) {
      data.set(ValueLayout.JAVA_SHORT, to, row.get(STORED, (end - 1L) * Short.BYTES));
    }
  }

  private void packHalves(
      MemorySegment row, int lane, int first, int end, MemorySegment data, long at) {
    long to = at + place(lane, first);
    for (int column = first; column < end; column++) {
      data.set(ValueLayout.JAVA_SHORT, to, row.get(STORED, (long) column * Short.BYTES));
      to += (long) lanes * Short.BYTES;
    }
  }

  @Override
  public float element(MemorySegment data, long at, int lane, int column) {
    short bits = data.get(ValueLayout.JAVA_SHORT, at + place(lane, column));
    return switch (form) {
      case F16 -> Float.float16ToFloat(bits);
      case BF16 -> Float.intBitsToFloat(bits << Short.SIZE);
    };
  }

  private long place(int lane, int column) {
    long pair = column / 2 * 2L * lanes;
    int within =
        switch (form) {
          case F16 -> column % 2 * lanes + lane;
          case BF16 -> 2 * lane + column % 2;
        };
    return (pair + within) * Short.BYTES;
  }
}
