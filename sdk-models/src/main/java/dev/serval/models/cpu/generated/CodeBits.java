package dev.serval.models.cpu.generated;

import java.util.List;

/**
 * Bits of the codes of four columns that lie together, as many in each byte of a word. A code is
 * made of what its words have where it belongs, by exclusive or.
 *
 * @param word which of a group's vectors they are in
 * @param lowest where the lowest is in its byte
 * @param count how many
 * @param below how many bits of the code are below them
 * @param mask what is taken of the word, in each byte: these bits, or others as well
 */
record CodeBits(int word, int lowest, int count, int below, int mask) {
  private static final int ONES = 0x01010101;
  private static final int NIBBLE = 4;
  private static final int THREE = 3;

  private CodeBits(int word, int lowest, int count, int below) {
    this(word, lowest, count, below, own(count, below));
  }

  /**
   * Where the code of four columns is: in one place or in two. A group has a vector for each bit.
   *
   * @param bits of a code, 2 to 6 or 8
   * @param quad which columns of a group
   */
  static List<CodeBits> of(int bits, int quad) {
    return switch (bits) {
      case 2 -> List.of(new CodeBits(quad / 4, quad % 4 * 2, 2, 0));
      case THREE -> ofThree(quad);
      case NIBBLE -> List.of(nibble(quad));
      case Byte.SIZE -> List.of(new CodeBits(quad, 0, Byte.SIZE, 0));
      default -> List.of(nibble(quad), above(bits - NIBBLE, quad));
    };
  }

  /**
   * Two in the lower six bits of each vector; the last two in what is left of all three. Of these
   * more is taken than is their own, so that one mask does for all; it is known when they are put
   * there, and taken out again by the other bits.
   */
  private static List<CodeBits> ofThree(int quad) {
    int all = own(THREE, 0);
    return quad < 6
        ? List.of(new CodeBits(quad / 2, quad % 2 * THREE, THREE, 0))
        : List.of(new CodeBits(quad - 6, 6, 2, 0, all), new CodeBits(2, quad, 1, 2, all));
  }

  private static CodeBits nibble(int quad) {
    return new CodeBits(quad % 4, quad / 4 * NIBBLE, NIBBLE, 0);
  }

  /** As many columns in a byte as fit. */
  private static CodeBits above(int count, int quad) {
    int fit = Byte.SIZE / count;
    return new CodeBits(NIBBLE + quad / fit, quad % fit * count, count, NIBBLE);
  }

  private static int own(int count, int below) {
    return ONES * (((1 << count) - 1) << below);
  }

  /** How far down they have to be shifted, or up if it is negative. */
  int shift() {
    return lowest - below;
  }

  /** Puts codes into words that have none of them yet, but what lies beside those in two places. */
  static void put(int codes, List<CodeBits> places, int[] words) {
    for (CodeBits place : places) {
      int missing = (codes ^ codes(places, words)) & own(place.count, place.below);
      int shift = place.shift();
      words[place.word] |= shift < 0 ? missing >>> -shift : missing << shift;
    }
  }

  /** The codes of four columns, a byte each. */
  static int codes(List<CodeBits> places, int[] words) {
    int codes = 0;
    for (CodeBits place : places) {
      codes ^= place.shifted(words[place.word]) & place.mask;
    }
    return codes;
  }

  private int shifted(int word) {
    return shift() < 0 ? word << -shift() : word >>> shift();
  }
}
