package dev.serval.api;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An amount of memory or storage.
 *
 * @param count the number of bytes, never negative
 */
public record Bytes(long count) implements Comparable<Bytes> {
  /** No bytes at all. */
  public static final Bytes ZERO = new Bytes(0);

  private static final Pattern SYNTAX =
      Pattern.compile(
          "(\\d{1,18}(?:\\.\\d{1,9})?)\\s*([KMGT]?)(?:iB|B)?", Pattern.CASE_INSENSITIVE);
  private static final String UNITS = "KMGT";

  /** Refuses a negative count. */
  public Bytes {
    if (count < 0) {
      throw new IllegalArgumentException("an amount of bytes is not negative, unlike " + count);
    }
  }

  /**
   * This many bytes.
   *
   * @param count the number of bytes
   * @return the amount
   */
  public static Bytes of(long count) {
    return new Bytes(count);
  }

  /**
   * This many times 2<sup>20</sup> bytes.
   *
   * @param count the number of mebibytes
   * @return the amount
   * @throws ArithmeticException when the amount is beyond 2<sup>63</sup> − 1 bytes
   */
  public static Bytes mebi(long count) {
    return new Bytes(Math.multiplyExact(count, 1L << 20));
  }

  /**
   * This many times 2<sup>30</sup> bytes.
   *
   * @param count the number of gibibytes
   * @return the amount
   * @throws ArithmeticException when the amount is beyond 2<sup>63</sup> − 1 bytes
   */
  public static Bytes gibi(long count) {
    return new Bytes(Math.multiplyExact(count, 1L << 30));
  }

  /**
   * Reads what a person writes: a number, and a binary unit if any ({@code 512MiB}, {@code 1.5G},
   * {@code 4096}). Units are powers of 1024 whichever way they are spelt.
   *
   * @param text the amount as text
   * @return the amount
   * @throws IllegalArgumentException when the text is no amount, naming what is allowed
   */
  public static Bytes parse(String text) {
    Matcher m = SYNTAX.matcher(text.strip());
    if (!m.matches()) {
      throw new IllegalArgumentException(
          "'" + text + "' is no amount of memory; write a number with K, M, G or T, as in 512MiB");
    }
    int power = m.group(2).isEmpty() ? 0 : UNITS.indexOf(m.group(2).toUpperCase(Locale.ROOT)) + 1;
    double count = Double.parseDouble(m.group(1)) * Math.pow(1024, power);
    if (count >= 0x1p63) {
      throw new IllegalArgumentException("'" + text + "' is more memory than can be addressed");
    }
    return new Bytes((long) count);
  }

  /**
   * The sum of both amounts.
   *
   * @param other what to add
   * @return the sum
   * @throws ArithmeticException when the sum is beyond 2<sup>63</sup> − 1 bytes
   */
  public Bytes plus(Bytes other) {
    return new Bytes(Math.addExact(count, other.count));
  }

  @Override
  public int compareTo(Bytes other) {
    return Long.compare(count, other.count);
  }

  /** The amount for a person, with at most one digit after the point: {@code 1.5 GiB}. */
  @Override
  public String toString() {
    int power =
        count == 0 ? 0 : Math.min(UNITS.length(), (63 - Long.numberOfLeadingZeros(count)) / 10);
    if (power == 0) {
      return count + " B";
    }
    String number = String.format(Locale.ROOT, "%.1f", count / Math.pow(1024, power));
    return (number.endsWith(".0") ? number.substring(0, number.length() - 2) : number)
        + " "
        + UNITS.charAt(power - 1)
        + "iB";
  }
}
