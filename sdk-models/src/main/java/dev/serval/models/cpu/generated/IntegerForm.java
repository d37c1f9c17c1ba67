package dev.serval.models.cpu.generated;

import dev.serval.api.compute.DType;
import dev.serval.models.cpu.block.ChosenNumbers;
import dev.serval.models.cpu.block.CodedBlocks;
import dev.serval.models.cpu.block.FourBitFloats;
import dev.serval.models.cpu.block.UnevenNumbers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;

/**
 * Block-wise types whose elements are integers times scales, as tiles take them in: for each group
 * of 32 columns, codes of 2 to 8 bits, and what makes numbers of them.
 */
public enum IntegerForm {
  /** Signed bytes. */
  Q8_0(DType.Q8_0, 8, 0, Scales.OF_GROUP),
  /** Nibbles. */
  Q4_0(DType.Q4_0, 4, 8, Scales.OF_GROUP),
  /** Nibbles over a minimum. */
  Q4_1(DType.Q4_1, 4, 0, Scales.WITH_MINIMUM),
  /** 5 bits. */
  Q5_0(DType.Q5_0, 5, 16, Scales.OF_GROUP),
  /** 5 bits over a minimum. */
  Q5_1(DType.Q5_1, 5, 0, Scales.WITH_MINIMUM),
  /** 2 bits over minima, in super-blocks. */
  Q2_K(DType.Q2_K, 2, 0, Scales.OF_HALVES_WITH_MINIMA),
  /** 3 bits, in super-blocks. */
  Q3_K(DType.Q3_K, 3, 4, Scales.OF_HALVES),
  /** Nibbles over minima, in super-blocks. */
  Q4_K(DType.Q4_K, 4, 0, Scales.OF_SUPER_BLOCK),
  /** 5 bits over minima, in super-blocks. */
  Q5_K(DType.Q5_K, 5, 0, Scales.OF_SUPER_BLOCK),
  /** 6 bits, in super-blocks. */
  Q6_K(DType.Q6_K, 6, 32, Scales.OF_HALVES),
  /** Nibbles that choose from sixteen signed bytes. */
  IQ4_NL(DType.IQ4_NL, UnevenNumbers::at, Scales.OF_GROUP),
  /** The same in super-blocks. */
  IQ4_XS(DType.IQ4_XS, UnevenNumbers::at, Scales.SIGNED),
  /** Nibbles that are floats, chosen likewise. */
  MXFP4(DType.MXFP4, FourBitFloats::doubled, Scales.EXPONENT),
  /** 2 bits that choose from numbers; they and the scale have the sign of what they lie off. */
  IQ1_S(DType.IQ1_S, 2, 0, Scales.SIGNED, -7, 1, 9),
  /** 3 bits that choose from numbers. */
  IQ1_M(DType.IQ1_M, 3, 0, Scales.ODD_OF_HALVES, -9, -7, -1, 1, 7, 9),
  /** Likewise. */
  IQ2_XXS(DType.IQ2_XXS, 3, 0, Scales.SIGNED, -43, -25, -8, 8, 25, 43),
  /** Likewise. */
  IQ2_XS(DType.IQ2_XS, 3, 0, Scales.ODD_OF_HALVES, -43, -25, -8, 8, 25, 43),
  /** Likewise. */
  IQ2_S(DType.IQ2_S, 3, 0, Scales.ODD_OF_HALVES, -43, -25, -8, 8, 25, 43),
  /** Nibbles that choose from numbers, as rows of its type are given. */
  IQ3_XXS(DType.IQ3_XXS, ChosenNumbers.of(DType.IQ3_XXS)::at, Scales.SIGNED),
  /** Likewise. */
  IQ3_S(DType.IQ3_S, ChosenNumbers.of(DType.IQ3_S)::at, Scales.SIGNED),
  /** 2 bits, whose numbers are multiples of 8 units. */
  TQ1_0(DType.TQ1_0, 2, 1, Scales.OF_EIGHT_GROUPS, -8, 0, 8, 16),
  /** Likewise. */
  TQ2_0(DType.TQ2_0, 2, 1, Scales.OF_EIGHT_GROUPS, -8, 0, 8, 16);

  /** What is known of a group beside its codes; sizes in bytes for each matrix row. */
  enum Scales {
    /** A binary16. */
    OF_GROUP(0, 2, 1, 8),
    /** A byte: half of 2 to the power of it less 127, or no number if it is 255. */
    EXPONENT(0, 1, 1, 8),
    /** A binary16, and the minimum with its sign turned. */
    WITH_MINIMUM(0, 4, 1, 1),
    /** Bytes s and t; for eight groups binary16 d and e: the scale d · s and the minimum e · t. */
    OF_SUPER_BLOCK(4, 2, 8, 8),
    /** For eight groups a binary16. */
    OF_EIGHT_GROUPS(2, 0, 8, 8),
    /** A signed byte; for eight groups a binary16 that it multiplies. */
    SIGNED(2, 1, 8, 8),
    /** A byte for each half of the group: s and above it t; for eight groups d and e, as above. */
    OF_HALVES_WITH_MINIMA(4, 2, 8, 8),
    /**
     * A byte: s for each half of the group; for eight groups a binary16 that 2 s + 1 multiplies.
     */
    ODD_OF_HALVES(2, 1, 8, 8),
    /** A signed byte for each half of the group; for eight groups a binary16 that they multiply. */
    OF_HALVES(2, 2, 8, 8);

    private final int header;
    private final int bytes;
    private final int groups;
    private final int span;

    Scales(int header, int bytes, int groups, int span) {
      this.header = header;
      this.bytes = bytes;
      this.groups = groups;
      this.span = span;
    }

    /** Groups whose scales lie together, so that they fill whole vectors. */
    int span() {
      return span;
    }

    /** Bytes of a span's scales in all lanes: whole vectors, so that none lies in two lines. */
    int spanBytes(InstructionSet set) {
      int vector = set.width().bytes();
      return Math.ceilDiv((header + span() * bytes) * set.lanes(), vector) * vector;
    }

    /** Bytes before the scales of a super-block's groups. */
    int header() {
      return header;
    }

    /** Bytes of a group's own scales. */
    int bytes() {
      return bytes;
    }

    /** Groups of a super-block. */
    int groups() {
      return groups;
    }

    /** Whether all that is known of a group is one scale of its own. */
    boolean onlyOfGroups() {
      return this == OF_GROUP || this == EXPONENT;
    }

    boolean minimum() {
      return this == WITH_MINIMUM || this == OF_SUPER_BLOCK || this == OF_HALVES_WITH_MINIMA;
    }

    /** In how many sections of a group codes have scales of their own. */
    int sections() {
      return switch (this) {
        case OF_HALVES, OF_HALVES_WITH_MINIMA, ODD_OF_HALVES -> 2;
        case OF_GROUP, EXPONENT, WITH_MINIMUM, OF_SUPER_BLOCK, OF_EIGHT_GROUPS, SIGNED -> 1;
      };
    }
  }

  private static final int BYTE_OFFSET = 128;
  private static final int PLACES = 16;
  private static final int QUADS = ActivationGroup.COLUMNS / Integer.BYTES;

  private final DType dtype;
  private final int bits;
  private final int offset;
  private final Scales scales;

  /** What codes are places of; empty where they are numbers themselves. */
  private final List<Integer> numbers;

  private final CodeBits[][] codes = new CodeBits[QUADS][];
  private final int[] ofNibbles;

  IntegerForm(DType dtype, IntUnaryOperator numbers, Scales scales) {
    this(dtype, 4, 0, scales, IntStream.range(0, PLACES).map(numbers).boxed().toList());
  }

  IntegerForm(DType dtype, int bits, int offset, Scales scales, Integer... numbers) {
    this(dtype, bits, offset, scales, List.of(numbers));
  }

  IntegerForm(DType dtype, int bits, int offset, Scales scales, List<Integer> numbers) {
    this.dtype = dtype;
    this.bits = bits;
    this.offset = offset;
    this.scales = scales;
    this.numbers = numbers;
    Arrays.setAll(codes, quad -> CodeBits.of(bits, quad));
    ofNibbles =
        CodedBlocks.covers(dtype)
            ? Arrays.stream(ChosenNumbers.of(dtype).all()).map(this::nearest).toArray()
            : new int[0];
  }

  /**
   * The form of a type.
   *
   * @param dtype the type
   * @return its form, or nothing for types that are not block-wise
   */
  public static Optional<IntegerForm> of(DType dtype) {
    return Arrays.stream(values()).filter(form -> form.dtype == dtype).findFirst();
  }

  /**
   * The type.
   *
   * @return as it is stored in files
   */
  public DType dtype() {
    return dtype;
  }

  Scales scales() {
    return scales;
  }

  /** Whether rows are given as blocks of nibbles, and not as they are stored. */
  boolean coded() {
    return CodedBlocks.covers(dtype);
  }

  /** What scales are multiples of beside what is known of them. */
  float unit() {
    return coded() && chooses() ? ChosenNumbers.of(dtype).unit() : 1;
  }

  /** Whether codes are kept as whole bytes. */
  boolean bytes() {
    return bits == Byte.SIZE;
  }

  /** Whether codes choose from numbers, which are not just as far apart as codes. */
  boolean chooses() {
    return !numbers.isEmpty() && offset == 0;
  }

  /** Whether what is multiplied are signed bytes. */
  boolean signedBytes() {
    return bytes() || chooses();
  }

  /** Whether what is multiplied are never more than 4 bits and a sign. */
  boolean small() {
    return bits <= 4
        && (!chooses() || numbers.stream().allMatch(number -> Math.abs(number) < PLACES));
  }

  /** The number that a code chooses; 0 for codes that there are not. */
  int chosen(int code) {
    return code < numbers.size() ? numbers.get(code) : 0;
  }

  /** The code of the number that a nibble of a coded row chooses, or of the nearest there is. */
  int code(int nibble) {
    return ofNibbles[nibble];
  }

  private int nearest(int number) {
    return IntStream.range(0, numbers.size())
        .boxed()
        .min(Comparator.comparingInt(code -> Math.abs(numbers.get(code) - number)))
        .orElseThrow();
  }

  /** The numbers that codes choose from as sixteen bytes, four in each word. */
  List<Integer> table(InstructionSet set) {
    List<Integer> words = new ArrayList<>();
    for (int place = 0; place < PLACES; place += Integer.BYTES) {
      int word = 0;
      for (int i = 0; i < Integer.BYTES; i++) {
        word |= (chosen(place + i) + offset(set) & 0xFF) << (Byte.SIZE * i);
      }
      words.add(word);
    }
    return List.copyOf(words);
  }

  /** Where the codes of four columns of a group are. */
  CodeBits[] codes(int quad) {
    return codes[quad];
  }

  /** Vectors of a group's codes. */
  int words() {
    return bits;
  }

  /** Bytes of a group's codes, for each matrix row. */
  int codeBytes() {
    return words() * Integer.BYTES;
  }

  /** Bytes of a group in all lanes, its share of scales included. */
  int groupBytes(InstructionSet set) {
    return codeBytes() * set.lanes() + Math.ceilDiv(scales.spanBytes(set), scales.span());
  }

  /**
   * What is taken off what is multiplied, which is never negative for instruction sets with dot
   * products.
   */
  int offset(InstructionSet set) {
    return signedBytes() && set.byteDots() ? BYTE_OFFSET : offset;
  }

  /** Where in a stored block codes lie just as tiles take them, in words of four bytes; or −1. */
  int wordsAt() {
    return switch (this) {
      case Q8_0, Q4_0, IQ4_NL -> 2;
      case MXFP4 -> 1;
      case Q4_1 -> 4;
      default -> -1;
    };
  }

  /** Where in a stored block its binary16 is; that of minima follows it. */
  int scaleAt() {
    return switch (this) {
      case Q2_K -> 80;
      case Q3_K -> 108;
      case Q6_K -> 208;
      default -> 0;
    };
  }

  /** In how many sections of a group codes have scales of their own. */
  int sections() {
    return scales.sections();
  }
}
