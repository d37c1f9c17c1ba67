package dev.serval.models.cpu;

import dev.serval.api.compute.DType;

/**
 * The numbers that nibbles of {@link CodedBlocks} are places of: small whole ones, multiples of a
 * unit.
 */
public enum ChosenNumbers {
  /** Those of one and two bits. */
  EIGHTHS(1 / 8f, 0, 1, 7, 8, 9, 16, 25, 43, -1, -7, -8, -9, -25, -43, 0, 0),
  /** Those of IQ3_XXS, halved. */
  HALVES(1 / 2f, 2, 6, 10, 14, 18, 22, 26, 31, -2, -6, -10, -14, -18, -22, -26, -31),
  /** Those of IQ3_S. */
  WHOLES(1, 1, 3, 5, 7, 9, 11, 13, 15, -1, -3, -5, -7, -9, -11, -13, -15);

  private final float unit;
  private final int[] numbers;

  ChosenNumbers(float unit, int... numbers) {
    this.unit = unit;
    this.numbers = numbers;
  }

  /**
   * Those of a type.
   *
   * @param dtype one of {@link CodedBlocks}
   * @return its numbers
   */
  public static ChosenNumbers of(DType dtype) {
    return switch (dtype) {
      case IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, TQ1_0, TQ2_0 -> EIGHTHS;
      case IQ3_XXS -> HALVES;
      case IQ3_S -> WHOLES;
      default -> throw new IllegalArgumentException(dtype + " has bits for each element");
    };
  }

  /**
   * What numbers are multiples of.
   *
   * @return a power of two, at most 1
   */
  public float unit() {
    return unit;
  }

  /**
   * The number at a place.
   *
   * @param place 0 to 15
   * @return a signed byte
   */
  public int at(int place) {
    return numbers[place];
  }

  /** All of them. */
  int[] all() {
    return numbers.clone();
  }

  /** The first place of a code book's number. */
  int place(int coded) {
    int number = this == HALVES ? coded / 2 : coded;
    for (int place = 0; place < numbers.length; place++) {
      if (numbers[place] == number) {
        return place;
      }
    }
    throw new IllegalArgumentException(coded + " is no number of " + this);
  }
}
