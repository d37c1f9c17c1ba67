package dev.serval.api.compute;

import java.util.Locale;

/**
 * How numbers are stored. Block-wise types store a fixed count of elements in a block of bytes:
 * they are those of the <a
 * href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">GGUF</a> format, under its
 * names; a matrix in one of them has whole blocks in each row. Scales and minima are binary16
 * unless said otherwise.
 */
public enum DType {
  /** IEEE 754 binary32. */
  F32(1, 4),
  /** IEEE 754 binary16. */
  F16(1, 2),
  /** The upper half of a binary32. */
  BF16(1, 2),
  /** Scale d, 32 elements q of 4 bits: d · (q − 8). */
  Q4_0(32, 18),
  /** Scale d, minimum m, 32 elements q of 4 bits: d · q + m. */
  Q4_1(32, 20),
  /** Scale d, 32 elements q of 5 bits: d · (q − 16). */
  Q5_0(32, 22),
  /** Scale d, minimum m, 32 elements q of 5 bits: d · q + m. */
  Q5_1(32, 24),
  /** Scale d, 32 elements q of 8 bits, signed: d · q. */
  Q8_0(32, 34),
  /**
   * Scales d and e, 16 pairs s, t of 4 bits for 16 elements q of 2 bits each: d · s · q − e · t.
   */
  Q2_K(256, 84),
  /** Scale d, 16 scales s of 6 bits for 16 elements q of 3 bits each: d · (s − 32) · (q − 4). */
  Q3_K(256, 110),
  /** Scales d and e, 8 pairs s, t of 6 bits for 32 elements q of 4 bits each: d · s · q − e · t. */
  Q4_K(256, 144),
  /** Scales d and e, 8 pairs s, t of 6 bits for 32 elements q of 5 bits each: d · s · q − e · t. */
  Q5_K(256, 176),
  /** Scale d, 16 signed scales s of 8 bits for 16 elements q of 6 bits each: d · s · (q − 32). */
  Q6_K(256, 210),
  /** Scale d, 32 elements that are one of 16 numbers v from −127 to 113: d · v. */
  IQ4_NL(32, 18),
  /**
   * Scale d, 8 scales s of 6 bits for 32 elements each of the same 16 numbers: d · (s − 32) · v.
   */
  IQ4_XS(256, 136),
  /**
   * A scale of 8 bits e, 32 elements v of 4 bits, a sign, two bits of exponent and one of fraction:
   * 2<sup>e − 127</sup> · v with v one of 0, ½, 1, 1½, 2, 3, 4, 6 or as much below 0; no number
   * where e is 255 (<a
   * href="https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf">OCP
   * Microscaling Formats 1.0</a>).
   */
  MXFP4(32, 17),
  /**
   * Scale d, 32 pairs of an entry of {@link CodeBook#IQ1}, 8 numbers v, and for 32 elements each 3
   * bits s and a sign: d · (2 s + 1) · (v ± ⅛).
   */
  IQ1_S(256, 50),
  /**
   * The same with 3 bits s for 16 elements and a sign for 8; the scale lies where scales leave
   * bits.
   */
  IQ1_M(256, 56),
  /**
   * Scale d, 32 entries of {@link CodeBook#IQ2_XXS}, 8 numbers v and their signs, of which there is
   * an even number below 0, and for 32 elements each 4 bits s: d · (2 s + 1) / 8 · ±v.
   */
  IQ2_XXS(256, 66),
  /** The same of {@link CodeBook#IQ2_XS}, with 4 bits s for 16 elements. */
  IQ2_XS(256, 74),
  /** The same of {@link CodeBook#IQ2_S}, with any signs. */
  IQ2_S(256, 82),
  /**
   * Scale d, 64 entries of {@link CodeBook#IQ3_XXS}, 4 numbers v, the signs of two of them as
   * above, and for 32 elements each 4 bits s: d · (2 s + 1) / 4 · ±v.
   */
  IQ3_XXS(256, 98),
  /** Likewise of {@link CodeBook#IQ3_S}, with any signs: d · (2 s + 1) · ±v. */
  IQ3_S(256, 110),
  /** Scale d, 256 elements q that are 0, 1 or 2, five of them in most bytes: d · (q − 1). */
  TQ1_0(256, 54),
  /** Scale d, 256 elements q of 2 bits: d · (q − 1). */
  TQ2_0(256, 66);

  private final int blockElements;
  private final int blockBytes;

  DType(int blockElements, int blockBytes) {
    this.blockElements = blockElements;
    this.blockBytes = blockBytes;
  }

  /**
   * How many elements one block holds.
   *
   * @return 1 for plain types
   */
  public int blockElements() {
    return blockElements;
  }

  /**
   * How many bytes one block takes.
   *
   * @return the size of one element for plain types
   */
  public int blockBytes() {
    return blockBytes;
  }

  /**
   * How many bytes this many elements take.
   *
   * @param elements the number of elements
   * @return the size
   * @throws IllegalArgumentException when the elements do not fill whole blocks
   * @throws ArithmeticException when the size is beyond 2<sup>63</sup> − 1
   */
  public long bytes(long elements) {
    if (elements < 0 || elements % blockElements != 0) {
      throw new IllegalArgumentException(
          elements + " elements do not fill " + this + " blocks of " + blockElements);
    }
    return Math.multiplyExact(elements / blockElements, (long) blockBytes);
  }

  /**
   * Reads a type's name, in either case.
   *
   * @param name such as {@code bf16}
   * @return the type
   * @throws IllegalArgumentException when there is none of that name, listing what there is
   */
  public static DType parse(String name) {
    try {
      return valueOf(name.toUpperCase(Locale.ROOT));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "'" + name + "' is no data type; there is " + java.util.Arrays.toString(values()), e);
    }
  }
}
