package dev.serval.gpu.compute;

import dev.serval.api.compute.DType;
import java.util.Locale;

/** How a matrix lies on the device, which decides what multiplies it. */
enum MatrixType {
  /** Packed for tensor cores. */
  BF16(8192),
  /** Packed for tensor cores, dequantised on the way to them. */
  Q8_0(4352),
  /** Packed for tensor cores, dequantised on the way to them. */
  Q4_0(2304),
  /** Packed for tensor cores, which take its elements as they are. */
  MXFP4(2176),
  /** Row after row, multiplied in F32. */
  F32(0),
  /** Row after row, widened and multiplied in F32. */
  F16(0);

  private static final int ROW_ALIGNMENT = 16;
  private static final int FEW_TILES = 8;
  private static final int SEGMENTS = 4;
  private static final int SOME_ROW_TILES = 96;
  private static final int MANY_ROW_TILES = 256;

  private final int tileBytes;

  MatrixType(int tileBytes) {
    this.tileBytes = tileBytes;
  }

  /**
   * How a matrix that is stored so is kept: exactly where a type has room for that, else rounded.
   */
  static MatrixType of(DType stored) {
    return switch (stored) {
      case F32 -> F32;
      case F16 -> F16;
      case Q8_0, IQ4_NL -> Q8_0;
      case Q4_0 -> Q4_0;
      case MXFP4 -> MXFP4;
      default -> BF16;
    };
  }

  /** Whether tensor cores multiply it, which take operands. */
  boolean packed() {
    return tileBytes > 0;
  }

  /** Its name among the kernels. */
  String kernelName() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** K tiles of a packed row tile, or elements from one row to the next. */
  int stride(int columns) {
    if (packed()) {
      return Math.ceilDiv(columns, Abi.TILE);
    }
    int perAlignment = ROW_ALIGNMENT / (this == F32 ? Float.BYTES : Short.BYTES);
    return Math.multiplyExact(Math.ceilDiv(columns, perAlignment), perAlignment);
  }

  /** How many bytes a matrix takes. */
  long bytes(int rows, int columns) {
    long stride = stride(columns);
    return packed()
        ? Math.ceilDiv(rows, Abi.TILE) * stride * tileBytes
        : rows * stride * (this == F32 ? Float.BYTES : Short.BYTES);
  }

  /**
   * Into how many segments a row's product is cut: a matter of the matrix's shape alone, so that
   * the order of its sum never depends on a step. As few as give every multiprocessor of a large
   * GPU something to do when there is one token.
   */
  int segments(int rows, int columns) {
    int rowTiles = Math.ceilDiv(rows, Abi.TILE);
    if (!packed() || stride(columns) < FEW_TILES || rowTiles >= MANY_ROW_TILES) {
      return 1;
    }
    return rowTiles >= SOME_ROW_TILES ? 2 : SEGMENTS;
  }
}
