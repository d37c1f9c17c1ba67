package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.block.ChosenNumbers;
import dev.serval.models.cpu.block.CodedBlocks;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * What a group of 32 columns is in a stored row, where things lie as in <a
 * href="https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h">ggml's blocks</a>.
 *
 * @param form the type
 * @param row the stored row
 */
record StoredBlocks(IntegerForm form, MemorySegment row) {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int NIBBLES = 0x0F0F0F0F;
  private static final int ONES = 0x01010101;
  private static final int SIX_BITS = 0x3F;

  /** What is taken off a scale of 6 bits that has a sign. */
  private static final int SIGNED = 32;

  private static final short SIGN = Short.MIN_VALUE;

  /** Where the block with this group begins. */
  long block(int group) {
    int groups = form.dtype().blockElements() / ActivationGroup.COLUMNS;
    return (long) (group / groups) * CodedBlocks.blockBytes(form.dtype());
  }

  /**
   * The codes of four columns, a byte each.
   *
   * @param at where the block begins
   * @param within which of its groups
   * @param quad which four columns
   */
  int codes(long at, int within, int quad) {
    return switch (form) {
      case Q8_0 -> row.get(INT, at + 2 + 4L * quad);
      case Q4_0 -> halves(at + 2, quad);
      case Q4_1 -> halves(at + 4, quad);
      case Q5_0 -> halves(at + 6, quad) | spread(row.get(INT, at + 2) >>> (4 * quad)) << 4;
      case Q5_1 -> halves(at + 8, quad) | spread(row.get(INT, at + 4) >>> (4 * quad)) << 4;
      case Q4_K -> pairs(at + 16, within, quad);
      case Q5_K ->
          pairs(at + 48, within, quad) | (row.get(INT, at + 16 + 4L * quad) >>> within & ONES) << 4;
      case Q6_K -> sixBits(at, within, quad);
      case Q2_K -> quarters(at + 16, within, quad);
      case Q3_K ->
          quarters(at + 32, within, quad) | (row.get(INT, at + 4L * quad) >>> within & ONES) << 2;
      case IQ4_NL -> halves(at + 2, quad);
      case IQ4_XS -> halves(at + 8 + 16L * within, quad);
      case MXFP4 -> halves(at + 1, quad);
      case IQ3_XXS, IQ3_S -> halves(at + CodedBlocks.NIBBLES + 16L * within, quad);
      case IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, TQ1_0, TQ2_0 -> coded(at, within, quad);
    };
  }

  /** Four bytes, as they are. */
  int word(long at) {
    return row.get(INT, at);
  }

  /** The lower nibbles of sixteen bytes, then the upper ones. */
  private int halves(long at, int quad) {
    return row.get(INT, at + 4L * (quad % 4)) >>> (quad / 4 * 4) & NIBBLES;
  }

  /** For two groups the lower nibbles of 32 bytes, then the upper ones. */
  private int pairs(long at, int group, int quad) {
    return row.get(INT, at + 32L * (group / 2) + 4L * quad) >>> (group % 2 * 4) & NIBBLES;
  }

  /** Four bits, one into each byte. */
  private static int spread(int bits) {
    return (bits & 1) | (bits & 2) << 7 | (bits & 4) << 14 | (bits & 8) << 21;
  }

  private int sixBits(long at, int group, int quad) {
    int half = group / 4;
    int quarter = group % 4;
    int low = row.get(INT, at + 64L * half + quarter % 2 * 32L + 4L * quad);
    int high = row.get(INT, at + 128 + 32L * half + 4L * quad);
    return (low >>> (quarter / 2 * 4) & NIBBLES) | (high >>> (2 * quarter) & 3 * ONES) << 4;
  }

  /** Of four groups the lowest two bits of 32 bytes, then the next ones. */
  private int quarters(long at, int group, int quad) {
    return row.get(INT, at + 32L * (group / 4) + 4L * quad) >>> (2 * (group % 4)) & 3 * ONES;
  }

  /** The bits of the scale of a group, or of a super-block. */
  short scale(long at) {
    return row.get(SHORT, at + form.scaleAt());
  }

  /** The bits of the minimum's scale of a super-block, or of a group's minimum, its sign turned. */
  short minimum(long at) {
    short bits = row.get(SHORT, at + form.scaleAt() + Short.BYTES);
    return form.scales() == IntegerForm.Scales.WITH_MINIMUM ? (short) (bits ^ SIGN) : bits;
  }

  /**
   * One of the bytes that a group has for itself.
   *
   * @param at where the block begins
   * @param within which of its groups
   * @param index which byte
   */
  byte own(long at, int within, int index) {
    return switch (form) {
      case Q6_K -> row.get(ValueLayout.JAVA_BYTE, at + 192 + 2L * within + index);
      case Q2_K -> row.get(ValueLayout.JAVA_BYTE, at + 2L * within + index);
      case Q3_K -> sixteenth(at + 96, 2 * within + index);
      case IQ4_XS -> eighth(at + 2, within);
      case MXFP4 -> row.get(ValueLayout.JAVA_BYTE, at);
      case Q4_K, Q5_K -> index == 0 ? first(at, within) : second(at, within);
      case IQ1_S -> (byte) (turned(at, within) ? -odd(at, within) : odd(at, within));
      case IQ2_XXS, IQ3_XXS, IQ3_S -> (byte) odd(at, within);
      case IQ1_M, IQ2_XS, IQ2_S -> row.get(ValueLayout.JAVA_BYTE, at + CodedBlocks.SCALES + within);
      case Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL, TQ1_0, TQ2_0 ->
          throw new IllegalArgumentException(form.name());
    };
  }

  /** Nibbles become the codes of the numbers that they choose. */
  private int coded(long at, int within, int quad) {
    int places = halves(at + CodedBlocks.NIBBLES + 16L * within, quad);
    int signed = turned(at, within) ? places ^ ONES * ChosenNumbers.NEGATIVE : places;
    int codes = 0;
    for (int shift = 0; shift < Integer.SIZE; shift += Byte.SIZE) {
      codes |= form.code(signed >> shift & 0xF) << shift;
    }
    return codes;
  }

  /**
   * Whether numbers and the scale of a group are kept with their signs turned: all numbers of a
   * group of IQ1_S are an eighth more than whole ones, or an eighth less.
   */
  private boolean turned(long at, int within) {
    int place = octet(at + CodedBlocks.NIBBLES + 16L * within) & 0xF;
    return form == IntegerForm.IQ1_S && (ChosenNumbers.EIGHTHS.at(place) & 7) == 7;
  }

  /** Behind the scale, for each half of a group half of a byte; of these types two are alike. */
  private int odd(long at, int within) {
    return 2 * (octet(at + CodedBlocks.SCALES + within) & 0xF) + 1;
  }

  /** Lower bits in the lower halves of eight bytes, then the upper ones; upper bits behind them. */
  private byte sixteenth(long at, int part) {
    int lower = octet(at + part % 8) >> (part / 8 * 4) & 0xF;
    int upper = octet(at + 8 + part % 4) >> (part / 4 * 2) & 3;
    return (byte) ((upper << 4 | lower) - SIGNED);
  }

  /** Upper bits in two bytes, then lower bits in the halves of four. */
  private byte eighth(long at, int group) {
    int lower = octet(at + 2 + group / 2) >> (group % 2 * 4) & 0xF;
    int upper = octet(at + group / 4) >> (group % 4 * 2) & 3;
    return (byte) ((upper << 4 | lower) - SIGNED);
  }

  private byte first(long at, int within) {
    return (byte)
        (within < 4
            ? octet(at + 4 + within) & SIX_BITS
            : (octet(at + 8 + within) & 0xF) | octet(at + within) >> 6 << 4);
  }

  private byte second(long at, int within) {
    return (byte)
        (within < 4
            ? octet(at + 8 + within) & SIX_BITS
            : octet(at + 8 + within) >> 4 | octet(at + 4 + within) >> 6 << 4);
  }

  private int octet(long at) {
    return row.get(ValueLayout.JAVA_BYTE, at) & 0xFF;
  }
}
