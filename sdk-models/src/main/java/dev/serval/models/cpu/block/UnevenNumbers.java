package dev.serval.models.cpu.block;

/**
 * The sixteen numbers that the elements of IQ4_NL and IQ4_XS choose from: close to each other near
 * 0, where most weights are. They are part of <a
 * href="https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h">ggml's format</a>.
 */
public final class UnevenNumbers {
  private static final int[] NUMBERS = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
  };

  private UnevenNumbers() {}

  /**
   * The number at a place.
   *
   * @param place 0 to 15
   * @return a signed byte
   */
  public static int at(int place) {
    return NUMBERS[place];
  }

  /** All of them. */
  static int[] all() {
    return NUMBERS.clone();
  }
}
