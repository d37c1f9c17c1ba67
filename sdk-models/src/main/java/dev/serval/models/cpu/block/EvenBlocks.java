package dev.serval.models.cpu.block;

import dev.serval.api.compute.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Blocks of an even number of bytes, as panels need them. Those of MXFP4 get one more: two for the
 * scale, which are the upper half of it as F32.
 */
public final class EvenBlocks {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int STORED = DType.MXFP4.blockBytes();
  private static final int WIDENED = STORED + 1;

  private EvenBlocks() {}

  /** The bytes of a block. */
  static int blockBytes(DType dtype) {
    return dtype == DType.MXFP4 ? WIDENED : CodedBlocks.blockBytes(dtype);
  }

  /** The bytes of a row. */
  public static long rowBytes(StoredRows rows) {
    return rows.rowBytes() / CodedBlocks.blockBytes(rows.dtype()) * blockBytes(rows.dtype());
  }

  /** A row; a copy, if its type is one whose blocks are widened. */
  public static MemorySegment row(StoredRows rows, int index) {
    MemorySegment stored = rows.row(index);
    return rows.dtype() == DType.MXFP4 ? widened(stored) : stored;
  }

  private static MemorySegment widened(MemorySegment stored) {
    int blocks = Math.toIntExact(stored.byteSize() / STORED);
    MemorySegment row = MemorySegment.ofArray(new byte[blocks * WIDENED]);
    for (int block = 0; block < blocks; block++) {
      long from = (long) block * STORED;
      long to = (long) block * WIDENED;
      row.set(SHORT, to, upperHalf(stored.get(ValueLayout.JAVA_BYTE, from) & 0xFF));
      MemorySegment.copy(stored, from + 1, row, to + Short.BYTES, STORED - 1);
    }
    return row;
  }

  private static short upperHalf(int exponent) {
    return (short) (Float.floatToIntBits(FourBitFloats.halvedScale(exponent)) >>> Short.SIZE);
  }
}
