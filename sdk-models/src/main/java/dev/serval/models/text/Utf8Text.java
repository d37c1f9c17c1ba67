package dev.serval.models.text;

/**
 * Turns bytes into text as they come, and holds back the bytes of an unfinished character. What
 * forms no character becomes U+FFFD, one for each maximal ill-formed part, as <a
 * href="https://encoding.spec.whatwg.org/#utf-8-decoder">the Encoding standard</a> lays down.
 */
final class Utf8Text {
  private static final char REPLACEMENT = '\uFFFD';

  private final StringBuilder text = new StringBuilder();
  private final boolean replaceEachByte;
  private int codePoint;
  private int seen;
  private int missing;
  private int lower;
  private int upper;

  /** Replaces each byte of an ill-formed part by itself, or the part as a whole. */
  Utf8Text(boolean replaceEachByte) {
    this.replaceEachByte = replaceEachByte;
  }

  void add(int octet) {
    if (missing == 0) {
      lead(octet);
    } else if (octet < lower || octet > upper) {
      breakOff();
      lead(octet);
    } else {
      follow(octet);
    }
  }

  /** Adds whole characters; what was unfinished before them stays so for good. */
  void add(String characters) {
    breakOff();
    text.append(characters);
  }

  /** Gives up on an unfinished character. */
  void breakOff() {
    if (missing > 0) {
      text.repeat(REPLACEMENT, replaceEachByte ? seen : 1);
      missing = 0;
    }
  }

  /** The text since the last call, without an unfinished character. */
  String take() {
    String taken = text.toString();
    text.setLength(0);
    return taken;
  }

  private void lead(int octet) {
    seen = 1;
    lower = 0x80;
    upper = 0xBF;
    if (octet < 0x80) {
      text.append((char) octet);
    } else if (octet >= 0xC2 && octet <= 0xDF) {
      expect(1, octet & 0x1F);
    } else if (octet >= 0xE0 && octet <= 0xEF) {
      lower = octet == 0xE0 ? 0xA0 : lower;
      upper = octet == 0xED ? 0x9F : upper;
      expect(2, octet & 0xF);
    } else if (octet >= 0xF0 && octet <= 0xF4) {
      lower = octet == 0xF0 ? 0x90 : lower;
      upper = octet == 0xF4 ? 0x8F : upper;
      expect(3, octet & 0x7);
    } else {
      text.append(REPLACEMENT);
    }
  }

  private void expect(int more, int bits) {
    missing = more;
    codePoint = bits;
  }

  private void follow(int octet) {
    lower = 0x80;
    upper = 0xBF;
    codePoint = (codePoint << 6) | (octet & 0x3F);
    seen++;
    if (--missing == 0) {
      text.appendCodePoint(codePoint);
    }
  }
}
