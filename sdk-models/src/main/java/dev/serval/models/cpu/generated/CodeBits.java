package dev.serval.models.cpu.generated;

/**
 * Bits of the codes of four columns that lie together, as many in each byte of a word. A code is
 * made of what its words have where it belongs, by exclusive or.
 *
 * @param word which of a group's vectors they are in
 * @param lowest where the lowest is in its byte
 * @param below how many bits of the code are below them
 * @param own which bits of a code they are, in each byte
 * @param mask what is taken of the word, in each byte: these bits, or others as well
 */
record CodeBits(int word, int lowest, int below, int own, int mask) {
  private static final int ONES = 0x01010101;
  private static final int NIBBLE = 4;
  private static final int THREE = 3;

  private CodeBits(int word, int lowest, int count, int below) {
    this(word, lowest, below, own(count, below), own(count, below));
  }

  /**
   * Where the code of four columns is: in one place or in two. A group has a vector for each bit.
   *
   * @param bits of a code, 2 to 6 or 8
   * @param quad which columns of a group
   */
  static CodeBits[] of(int bits, int quad) {
    return switch (bits) {
      case 2 -> places(new CodeBits(quad / 4, quad % 4 * 2, 2, 0));
      case THREE -> ofThree(quad);
      case NIBBLE -> places(nibble(quad));
      case Byte.SIZE -> places(new CodeBits(quad, 0, Byte.SIZE, 0));
      default -> places(nibble(quad), above(bits - NIBBLE, quad));
    };
  }

  /**
   * Two in the lower six bits of each vector; the last two in what is left of all three. Of these
   * more is taken than is their own, so that one mask does for all; it is known when they are put
   * there, and taken out again by the other bits.
   */
  private static CodeBits[] ofThree(int quad) {
    int all = own(THREE, 0);
    return quad < 6
        ? places(new CodeBits(quad / 2, quad % 2 * THREE, THREE, 0))
        : places(
            new CodeBits(quad - 6, 6, 0, own(2, 0), all), new CodeBits(2, quad, 2, own(1, 2), all));
  }

  private static CodeBits[] places(CodeBits... places) {
    return places;
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
  static void put(int codes, CodeBits[] places, int[] words) {
    if (places.length == 1) {
      words[places[0].word] |= codes << places[0].lowest;
      return;
    }
    for (CodeBits place : places) {
      int beside = place.mask == place.own ? 0 : codes(places, words);
      int bits = (codes ^ beside) & place.own;
      words[place.word] |= place.shift() < 0 ? bits >>> -place.shift() : bits << place.shift();
    }
  }

  /** The codes of four columns, a byte each. */
  static int codes(CodeBits[] places, int[] words) {
    int codes = 0;
    for (CodeBits place : places) {
      codes ^= place.from(words[place.word]);
    }
    return codes;
  }

  /** What a word has for codes. */
  int from(int word) {
    return (shift() < 0 ? word << -shift() : word >>> shift()) & mask;
  }
}
