package dev.serval.api.compute;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;

/**
 * The numbers that elements of GGUF's smallest types choose from, several at a time: an element has
 * no number of its own, but several of them an entry of a book. The books are part of <a
 * href="https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h">ggml's format</a>.
 */
public enum CodeBook {
  /** For {@link DType#IQ1_S} and {@link DType#IQ1_M}. */
  IQ1(2048, 8, 2, -1, 0, 1),
  /** For {@link DType#IQ2_XXS}. */
  IQ2_XXS(256, 8, 2, 8, 25, 43),
  /** For {@link DType#IQ2_XS}. */
  IQ2_XS(512, 8, 2, 8, 25, 43),
  /** For {@link DType#IQ2_S}. */
  IQ2_S(1024, 8, 2, 8, 25, 43),
  /** For {@link DType#IQ3_XXS}. */
  IQ3_XXS(256, 4, 3, 4, 12, 20, 28, 36, 44, 52, 62),
  /** For {@link DType#IQ3_S}. */
  IQ3_S(512, 4, 3, 1, 3, 5, 7, 9, 11, 13, 15);

  private static final String FILE = "codebooks.txt";
  private static final int HEXADECIMAL = 16;
  private static final int DIGIT_BITS = 4;

  private final int entries;
  private final int length;
  private final byte[] numbers;

  CodeBook(int entries, int length, int bits, int... values) {
    this.entries = entries;
    this.length = length;
    String digits = digits(name());
    int width = length * bits / DIGIT_BITS;
    if (digits.length() != entries * width) {
      throw new IllegalStateException(
          "%s has %d digits for %s, not %d"
              .formatted(FILE, digits.length(), name(), entries * width));
    }
    numbers = new byte[entries * length];
    for (int entry = 0; entry < entries; entry++) {
      int code =
          Integer.parseInt(digits.substring(entry * width, (entry + 1) * width), HEXADECIMAL);
      for (int i = 0; i < length; i++) {
        numbers[entry * length + i] = (byte) values[code >>> (bits * i) & ((1 << bits) - 1)];
      }
    }
  }

  private static String digits(String name) {
    try (InputStream in = CodeBook.class.getResourceAsStream(FILE)) {
      List<String> lines =
          Arrays.asList(
              new String(Objects.requireNonNull(in).readAllBytes(), US_ASCII).split("\n"));
      return lines.subList(lines.indexOf(name) + 1, lines.size()).stream()
          .takeWhile(
              line -> line.chars().allMatch(digit -> Character.digit(digit, HEXADECIMAL) >= 0))
          .collect(Collectors.joining());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * How many entries there are.
   *
   * @return a power of two
   */
  public int entries() {
    return entries;
  }

  /**
   * How many elements an entry is for.
   *
   * @return 4 or 8
   */
  public int length() {
    return length;
  }

  /**
   * One of an entry's numbers.
   *
   * @param entry which entry, from 0
   * @param place which of its numbers, from 0
   * @return the number
   * @throws IndexOutOfBoundsException when there is no such entry
   */
  public int number(int entry, int place) {
    return numbers[entry * length + place];
  }

  /**
   * All numbers, entry after entry.
   *
   * @return a copy
   */
  public byte[] numbers() {
    return numbers.clone();
  }
}
