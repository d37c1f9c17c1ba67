package dev.serval.models.cpu.vector;

import dev.serval.api.compute.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * How the octets of a block-wise type's block are kept in a panel: where <a
 * href="https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h">ggml</a> keeps them, but
 * for two things. Nibbles of neighbouring columns share an octet, the lower column in the lower
 * half; and both octets of a lane's binary16 lie together.
 */
enum BlockOctets {
  /** Octets alone. */
  PLAIN(0, 0, 0, 1),
  /** Sixteen octets behind the scale. */
  BEHIND_SCALE(2, 16, 32, 1),
  /** Sixteen octets behind an octet that is the scale. */
  BEHIND_EXPONENT(1, 16, 32, 0),
  /** Sixteen octets behind a scale and a minimum. */
  BEHIND_MINIMUM(4, 16, 32, 2),
  /** Sixteen octets behind the scale and a word of fifth bits. */
  BEHIND_SCALE_AND_BITS(6, 16, 32, 1),
  /** Sixteen octets behind a scale, a minimum and a word of fifth bits. */
  BEHIND_MINIMUM_AND_BITS(8, 16, 32, 2),
  /** For each 64 elements the lower nibbles of 32 octets, then the upper ones. */
  SUB_BLOCKS(16, 32, 64, 2),
  /** The same, and 32 octets of fifth bits before them. */
  SUB_BLOCKS_AND_BITS(48, 32, 64, 2),
  /** For each 128 elements the lower nibbles of 64 octets, then the upper ones. */
  HALVES(0, 64, 128, 1);

  /** Where nibbles begin. */
  final int first;

  /** Binary16s: a scale, and perhaps a minimum. */
  private final int halves;

  /** Of each element of the largest block: the octet in the file that its nibble is in. */
  private final int[] octet;

  private final int[] shift;

  BlockOctets(int first, int octets, int span, int halves) {
    this.first = first;
    this.halves = halves;
    int elements = span == 0 ? 0 : DType.Q4_K.blockElements();
    octet = new int[elements];
    shift = new int[elements];
    for (int element = 0; element < elements; element++) {
      octet[element] = first + element / span * octets + element % octets;
      shift[element] = element % span / octets * 4;
    }
  }

  static BlockOctets of(DType dtype) {
    return switch (dtype) {
      case Q4_0 -> BEHIND_SCALE;
      case MXFP4 -> BEHIND_EXPONENT;
      case Q4_1 -> BEHIND_MINIMUM;
      case Q5_0 -> BEHIND_SCALE_AND_BITS;
      case Q5_1 -> BEHIND_MINIMUM_AND_BITS;
      case Q4_K -> SUB_BLOCKS;
      case Q5_K -> SUB_BLOCKS_AND_BITS;
      case Q6_K -> HALVES;
      default -> PLAIN;
    };
  }

  /** Where the block's scale lies; a minimum follows it. */
  static int scaleAt(DType dtype) {
    return dtype == DType.Q6_K ? dtype.blockBytes() - Short.BYTES : 0;
  }

  /**
   * Writes one block of a lane, its octets a panel's width apart.
   *
   * @param skipped octets at the beginning that are left out
   */
  void pack(
      DType dtype, MemorySegment row, long from, int skipped, MemorySegment to, long at, int lane) {
    int pairs = octet.length == 0 ? 0 : dtype.blockElements() / 2;
    for (int i = skipped; i < dtype.blockBytes(); i++) {
      if (i < first || i >= first + pairs) {
        byte bits = row.get(ValueLayout.JAVA_BYTE, from + i);
        to.set(ValueLayout.JAVA_BYTE, at + (long) (i - skipped) * Lanes.WIDTH + lane, bits);
      }
    }
    for (int pair = 0; pair < pairs; pair++) {
      long place = first - skipped + (long) pair;
      to.set(ValueLayout.JAVA_BYTE, at + place * Lanes.WIDTH + lane, pair(row, from, pair));
    }
  }

  /** Writes a block's binary16s; after all lanes' octets, whose places they take. */
  void packHalves(DType dtype, MemorySegment row, long from, MemorySegment to, long at, int lane) {
    int scale = scaleAt(dtype);
    for (int half = scale; half < scale + halves * Short.BYTES; half += Short.BYTES) {
      packHalf(row, from + half, to, at + (long) half * Lanes.WIDTH, lane);
    }
  }

  /** Writes a binary16 of a lane. */
  static void packHalf(MemorySegment row, long from, MemorySegment to, long at, int lane) {
    to.set(PanelPacking.SHORT, at + (long) lane * Short.BYTES, row.get(PanelPacking.SHORT, from));
  }

  /** The nibbles of two neighbouring columns in one octet. */
  byte pair(MemorySegment row, long from, int pair) {
    return (byte) (nibble(row, from, 2 * pair) | nibble(row, from, 2 * pair + 1) << 4);
  }

  private int nibble(MemorySegment row, long from, int element) {
    int bits = row.get(ValueLayout.JAVA_BYTE, from + octet[element]);
    return (bits >>> shift[element]) & 0xF;
  }
}
