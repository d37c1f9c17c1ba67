package dev.serval.models.cpu.generated;

import java.util.List;

/**
 * Bits of the codes of four columns that lie together: as many in each byte of a word.
 *
 * @param word which of a group's vectors they are in
 * @param lowest where the lowest is in its byte
 * @param count how many
 * @param below how many bits of the code are below them
 */
record CodeBits(int word, int lowest, int count, int below) {
  private static final int ONES = 0x01010101;
  private static final int NIBBLE = 4;

  /**
   * Where the code of four columns is: in one place or in two. A group has a vector for each bit.
   *
   * @param bits of a code, 2 to 6 or 8
   * @param quad which columns of a group
   */
  static List<CodeBits> of(int bits, int quad) {
    return switch (bits) {
      case 2 -> List.of(new CodeBits(quad / 4, quad % 4 * 2, 2, 0));
      case 3 -> ofThree(quad);
      case NIBBLE -> List.of(nibble(quad));
      case Byte.SIZE -> List.of(new CodeBits(quad, 0, Byte.SIZE, 0));
      default -> List.of(nibble(quad), above(bits - NIBBLE, quad));
    };
  }

  /** Two in the lower six bits of each vector; the last two in what is left of all three. */
  private static List<CodeBits> ofThree(int quad) {
    return quad < 6
        ? List.of(new CodeBits(quad / 2, quad % 2 * 3, 3, 0))
        : List.of(new CodeBits(quad - 6, 6, 2, 0), new CodeBits(2, quad, 1, 2));
  }

  private static CodeBits nibble(int quad) {
    return new CodeBits(quad % 4, quad / 4 * NIBBLE, NIBBLE, 0);
  }

  /** As many columns in a byte as fit. */
  private static CodeBits above(int count, int quad) {
    int fit = Byte.SIZE / count;
    return new CodeBits(NIBBLE + quad / fit, quad % fit * count, count, NIBBLE);
  }

  /** What they are of a code's bits, in four bytes. */
  int mask() {
    return ONES * (((1 << count) - 1) << below);
  }

  /** How far down they have to be shifted, or up if it is negative. */
  int shift() {
    return lowest - below;
  }

  /** What they are of the codes in a word. */
  int from(int stored) {
    return (shift() < 0 ? stored << -shift() : stored >>> shift()) & mask();
  }

  /** What codes leave in a word. */
  int of(int codes) {
    int own = codes & mask();
    return shift() < 0 ? own >>> -shift() : own << shift();
  }
}
