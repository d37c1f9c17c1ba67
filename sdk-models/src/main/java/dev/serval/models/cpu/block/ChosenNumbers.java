package dev.serval.models.cpu.block;

import dev.serval.api.compute.DType;
import java.util.Arrays;

/**
 * The numbers that nibbles of {@link CodedBlocks} are places of: small whole ones, multiples of a
 * unit; eight, and the same below 0 in the eight places behind them.
 */
public enum ChosenNumbers {
  /** Those of one and two bits. */
  EIGHTHS(1 / 8f, 0, 1, 7, 8, 9, 16, 25, 43),
  /** Those of IQ3_XXS, halved. */
  HALVES(1 / 2f, 2, 6, 10, 14, 18, 22, 26, 31),
  /** Those of IQ3_S. */
  WHOLES(1, 1, 3, 5, 7, 9, 11, 13, 15);

  /** What is added to the place of a number for that of the same below 0. */
  public static final int NEGATIVE = 8;

  private final float unit;
  private final int[] numbers;

  ChosenNumbers(float unit, int... positive) {
    this.unit = unit;
    numbers = Arrays.copyOf(positive, 2 * NEGATIVE);
    for (int i = 0; i < NEGATIVE; i++) {
      numbers[NEGATIVE + i] = -positive[i];
    }
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

  /**
   * All of them.
   *
   * @return those of the sixteen places
   */
  public int[] all() {
    return numbers.clone();
  }

  /**
   * The first place of a number.
   *
   * @param number one of them
   * @return 0 to 15
   */
  int place(int number) {
    for (int place = 0; place < numbers.length; place++) {
      if (numbers[place] == number) {
        return place;
      }
    }
    throw new IllegalArgumentException(number + " is no number of " + this);
  }
}
