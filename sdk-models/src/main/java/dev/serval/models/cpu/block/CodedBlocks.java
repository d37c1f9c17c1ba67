package dev.serval.models.cpu.block;

import dev.serval.api.compute.CodeBook;
import dev.serval.api.compute.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.EnumSet;
import java.util.Set;

/**
 * Types whose elements have no bits of their own: several choose an entry of a {@link CodeBook}
 * together, or five are one byte. No kernel looks up entries; a row is brought into blocks of
 * nibbles when it is loaded, exactly, whatever the type:
 *
 * <pre>
 * scale, a binary16
 * 16 scales s of 4 bits for 16 elements each, the first in the lower half of a byte
 * 128 bytes: of each 32 elements the first 16 in the lower halves of 16 bytes, the others in the upper
 * </pre>
 *
 * An element is {@code scale · (2 s + 1) · unit · number}, where its nibble is the place of a
 * number among {@link ChosenNumbers}. 138 bytes are more than the 50 to 110 that are stored, but
 * not more than what 4-bit types take, and unpacked as quickly; generated code keeps fewer of their
 * bits.
 */
public final class CodedBlocks {
  private static final Set<DType> TYPES =
      EnumSet.of(
          DType.IQ1_S,
          DType.IQ1_M,
          DType.IQ2_XXS,
          DType.IQ2_XS,
          DType.IQ2_S,
          DType.IQ3_XXS,
          DType.IQ3_S,
          DType.TQ1_0,
          DType.TQ2_0);

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final int ELEMENTS = 256;
  private static final int BYTES = 138;

  /** Where the scales of 16 elements begin. */
  public static final int SCALES = 2;

  /** Where nibbles begin. */
  public static final int NIBBLES = 10;

  private static final int SCALED = 16;
  private static final int GROUP = 32;

  private final DType dtype;
  private final MemorySegment row;
  private final byte[] widened;
  private final byte[] places = new byte[ELEMENTS];
  private long from;
  private int to;

  private CodedBlocks(DType dtype, MemorySegment row) {
    this.dtype = dtype;
    this.row = row;
    int blocks = Math.toIntExact(row.byteSize() / dtype.blockBytes());
    widened = new byte[blocks * BYTES];
  }

  /** Books of places in place of numbers, made when the first type is met that needs one. */
  private static final class Places {
    static final byte[] IQ1_MORE = of(CodeBook.IQ1, 8, 1, ChosenNumbers.EIGHTHS);
    static final byte[] IQ1_LESS = of(CodeBook.IQ1, 8, -1, ChosenNumbers.EIGHTHS);
    static final byte[] IQ2_XXS = of(CodeBook.IQ2_XXS, 1, 0, ChosenNumbers.EIGHTHS);
    static final byte[] IQ2_XS = of(CodeBook.IQ2_XS, 1, 0, ChosenNumbers.EIGHTHS);
    static final byte[] IQ2_S = of(CodeBook.IQ2_S, 1, 0, ChosenNumbers.EIGHTHS);
    static final byte[] IQ3_XXS = of(CodeBook.IQ3_XXS, 0.5, 0, ChosenNumbers.HALVES);
    static final byte[] IQ3_S = of(CodeBook.IQ3_S, 1, 0, ChosenNumbers.WHOLES);

    /** Those of −1 to 2, in eighths. */
    static final byte[] TERNARY = {
      place(-8), place(0), place(8), place(16),
    };

    private static byte[] of(CodeBook book, double factor, int shift, ChosenNumbers numbers) {
      byte[] places = book.numbers();
      for (int i = 0; i < places.length; i++) {
        places[i] = (byte) numbers.place((int) (factor * places[i]) + shift);
      }
      return places;
    }

    private static byte place(int number) {
      return (byte) ChosenNumbers.EIGHTHS.place(number);
    }
  }

  /**
   * Whether a type is one of them.
   *
   * @param dtype any type
   * @return true if its rows are brought into blocks of nibbles
   */
  public static boolean covers(DType dtype) {
    return TYPES.contains(dtype);
  }

  /**
   * The bytes of a block that kernels are given.
   *
   * @param dtype any type
   * @return those of a block of nibbles if it is one of these types, else those that are stored
   */
  public static int blockBytes(DType dtype) {
    return covers(dtype) ? BYTES : dtype.blockBytes();
  }

  /** The bytes of so many elements, whole blocks. */
  public static long bytes(DType dtype, long elements) {
    return dtype.bytes(elements) / dtype.blockBytes() * blockBytes(dtype);
  }

  /**
   * A stored row as kernels are given it.
   *
   * @param dtype its type
   * @param stored whole blocks
   * @return blocks of nibbles if it is one of these types, else the row itself
   */
  public static MemorySegment row(DType dtype, MemorySegment stored) {
    return covers(dtype) ? new CodedBlocks(dtype, stored).blocks() : stored;
  }

  private MemorySegment blocks() {
    for (int block = 0; block * BYTES < widened.length; block++) {
      from = (long) block * dtype.blockBytes();
      to = block * BYTES;
      switch (dtype) {
        case IQ1_S -> iq1s();
        case IQ1_M -> iq1m();
        case IQ2_XXS -> iq2xxs();
        case IQ2_XS -> iq2xs();
        case IQ2_S -> iq2s();
        case IQ3_XXS -> iq3xxs();
        case IQ3_S -> iq3s();
        case TQ1_0 -> tq1();
        case TQ2_0 -> tq2();
        default -> throw new IllegalArgumentException(dtype + " has bits for each element");
      }
      pack();
    }
    return MemorySegment.ofArray(widened);
  }

  /** Two places to a byte. */
  private void pack() {
    int at = to + NIBBLES;
    for (int first = 0; first < ELEMENTS; first += GROUP) {
      for (int i = first; i < first + GROUP / 2; i++) {
        widened[at++] = (byte) (places[i] | places[i + GROUP / 2] << 4);
      }
    }
  }

  /** For 32 elements the upper bits of four entries, a scale and a sign in 16 bits. */
  private void iq1s() {
    scale(half(0));
    for (int group = 0; group < ELEMENTS / GROUP; group++) {
      int high = half(34 + 2 * group);
      scales(group, high >> 12 & 7);
      for (int i = 0; i < 4; i++) {
        int entry = octet(2 + 4 * group + i) | (high >> (3 * i) & 7) << 8;
        shifted(4 * group + i, entry, high >> 15 != 0);
      }
    }
  }

  /** The upper four bits of four groups of scales are the scale. */
  private void iq1m() {
    int scale = 0;
    for (int i = 0; i < 4; i++) {
      scale |= half(48 + 2 * i) >> 12 << (4 * i);
    }
    scale(scale);
    for (int part = 0; part < ELEMENTS / SCALED; part++) {
      scale(part, half(48 + part / 4 * 2) >> (part % 4 * 3) & 7);
    }
    for (int eight = 0; eight < ELEMENTS / 8; eight++) {
      int high = octet(32 + eight / 2) >> (eight % 2 * 4);
      shifted(eight, octet(eight) | (high & 7) << 8, (high & 8) != 0);
    }
  }

  /** Eight elements, each an eighth less or more than its number. */
  private void shifted(int eight, int entry, boolean less) {
    byte[] book = less ? Places.IQ1_LESS : Places.IQ1_MORE;
    System.arraycopy(book, 8 * entry, places, 8 * eight, 8);
  }

  /** For 32 elements four entries, then four times seven signs and a scale in 32 bits. */
  private void iq2xxs() {
    scale(half(0));
    for (int group = 0; group < ELEMENTS / GROUP; group++) {
      int rest = word(2 + 8 * group + 4);
      scales(group, rest >>> 28);
      for (int i = 0; i < 4; i++) {
        int entry = octet(2 + 8 * group + i);
        signed(8 * (4 * group + i), 8, Places.IQ2_XXS, 8 * entry, evenSigns(rest >>> (7 * i)));
      }
    }
  }

  /** For 8 elements an entry of 9 bits and seven signs; scales behind them. */
  private void iq2xs() {
    scale(half(0));
    nibbleScales(66);
    for (int eight = 0; eight < ELEMENTS / 8; eight++) {
      int code = half(2 + 2 * eight);
      signed(8 * eight, 8, Places.IQ2_XS, 8 * (code & 511), evenSigns(code >> 9));
    }
  }

  /** The lower bits of entries, their signs, the upper bits, scales. */
  private void iq2s() {
    scale(half(0));
    nibbleScales(74);
    for (int eight = 0; eight < ELEMENTS / 8; eight++) {
      int entry = octet(2 + eight) | (octet(66 + eight / 4) >> (eight % 4 * 2) & 3) << 8;
      signed(8 * eight, 8, Places.IQ2_S, 8 * entry, octet(34 + eight));
    }
  }

  /** Entries of 4 elements, then for 32 elements four times seven signs and a scale in 32 bits. */
  private void iq3xxs() {
    scale(half(0));
    for (int group = 0; group < ELEMENTS / GROUP; group++) {
      int rest = word(66 + 4 * group);
      scales(group, rest >>> 28);
      for (int i = 0; i < 8; i++) {
        int signs = evenSigns(rest >>> (7 * (i / 2))) >> (i % 2 * 4);
        signed(4 * (8 * group + i), 4, Places.IQ3_XXS, 4 * octet(2 + 8 * group + i), signs);
      }
    }
  }

  /** The lower bits of entries, their upper bits, signs, a scale for each 32 elements. */
  private void iq3s() {
    scale(half(0));
    for (int group = 0; group < ELEMENTS / GROUP; group++) {
      scales(group, octet(106 + group / 2) >> (group % 2 * 4) & 0xF);
    }
    for (int four = 0; four < ELEMENTS / 4; four++) {
      int entry = octet(2 + four) | (octet(66 + four / 8) >> (four % 8) & 1) << 8;
      signed(4 * four, 4, Places.IQ3_S, 4 * entry, octet(74 + four / 2) >> (four % 2 * 4));
    }
  }

  /** An eighth sign makes an even number of them. */
  private static int evenSigns(int bits) {
    int seven = bits & 0x7F;
    return seven | (Integer.bitCount(seven) % 2 << 7);
  }

  /** Places of an entry from a book, and of what is below 0. */
  private void signed(int element, int length, byte[] book, int entry, int signs) {
    for (int i = 0; i < length; i++) {
      places[element + i] = (byte) (book[entry + i] | (signs >> i & 1) * ChosenNumbers.NEGATIVE);
    }
  }

  /** Of 160 elements five in each of 32 bytes, of 80 in each of 16, of 16 four in each of 4. */
  private void tq1() {
    scale(half(52));
    for (int i = 0; i < ELEMENTS; i++) {
      int octet;
      int place;
      if (i < 160) {
        octet = octet(i % 32);
        place = i / 32;
      } else if (i < 240) {
        octet = octet(32 + (i - 160) % 16);
        place = (i - 160) / 16;
      } else {
        octet = octet(48 + (i - 240) % 4);
        place = (i - 240) / 4;
      }
      places[i] = Places.TERNARY[digit(octet, place)];
    }
  }

  /** A digit to the base of 3 of a fraction of 256. */
  private static int digit(int octet, int place) {
    int power = 1;
    for (int i = 0; i < place; i++) {
      power *= 3;
    }
    return (((octet * power) & 0xFF) * 3) >> 8;
  }

  /** Of 128 elements the lowest two bits of 32 bytes, then the next ones. */
  private void tq2() {
    scale(half(64));
    for (int i = 0; i < ELEMENTS; i++) {
      int bits = octet(i / 128 * 32 + i % 32) >> (i % 128 / 32 * 2) & 3;
      places[i] = Places.TERNARY[bits];
    }
  }

  private int octet(int at) {
    return row.get(ValueLayout.JAVA_BYTE, from + at) & 0xFF;
  }

  private int half(int at) {
    return row.get(SHORT, from + at) & 0xFFFF;
  }

  private int word(int at) {
    return row.get(INT, from + at);
  }

  private void scale(int bits) {
    widened[to] = (byte) bits;
    widened[to + 1] = (byte) (bits >> 8);
  }

  /** That of 32 elements. */
  private void scales(int group, int bits) {
    widened[to + SCALES + group] = (byte) (bits | bits << 4);
  }

  private void nibbleScales(int at) {
    MemorySegment.copy(
        row, ValueLayout.JAVA_BYTE, from + at, widened, to + SCALES, ELEMENTS / GROUP);
  }

  /** That of 16 elements, of which those before have theirs. */
  private void scale(int part, int bits) {
    int at = to + SCALES + part / 2;
    widened[at] = (byte) (widened[at] | bits << (part % 2 * 4));
  }
}
