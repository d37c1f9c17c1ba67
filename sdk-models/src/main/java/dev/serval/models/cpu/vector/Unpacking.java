package dev.serval.models.cpu.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Turns a stretch of a panel into F32, column after column. Each type has loops of its own. */
abstract sealed class Unpacking
    permits BlockUnpacking, FormatUnpacking, PackedProducts, Unpacking.F32, Unpacking.F16 {
  static Unpacking of(PanelLayout layout) {
    return switch (layout.dtype()) {
      case F32 -> new F32();
      case F16 -> new F16();
      case BF16 -> new PairUnpacking();
      case Q8_0 -> new OctetUnpacking();
      case Q4_0 -> throw new IllegalArgumentException("Q4_0 is not unpacked");
      case Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K, MXFP4 -> BlockUnpacking.of(layout.dtype());
      default -> new FormatUnpacking(layout.dtype());
    };
  }

  /**
   * Unpacks.
   *
   * @param data the matrix
   * @param panel where the panel begins
   * @param firstColumn a multiple of 64
   * @param count how many columns; whole blocks of 32, if the type has blocks
   * @param own whose tile to write to
   * @param at where in the tile
   */
  abstract void unpack(
      MemorySegment data, long panel, int firstColumn, int count, LinearScratch own, int at);

  /** Elements as they are. */
  static final class F32 extends Unpacking {
    @Override
    void unpack(
        MemorySegment data, long panel, int firstColumn, int count, LinearScratch own, int at) {
      long from = panel + (long) firstColumn * Lanes.WIDTH * Float.BYTES;
      MemorySegment.copy(data, ValueLayout.JAVA_FLOAT, from, own.tile, at, count * Lanes.WIDTH);
    }
  }

  /** Elements as binary16. */
  static final class F16 extends Unpacking {
    @Override
    void unpack(
        MemorySegment data, long panel, int firstColumn, int count, LinearScratch own, int at) {
      long from = panel + (long) firstColumn * Lanes.WIDTH * Short.BYTES;
      widen(data, from, own.tile, at, count * Lanes.WIDTH);
    }

    private static void widen(MemorySegment data, long from, float[] tile, int at, int count) {
      for (int i = 0; i < count; i++) {
        tile[at + i] = Float.float16ToFloat(data.get(ValueLayout.JAVA_SHORT, from + 2L * i));
      }
    }
  }
}
