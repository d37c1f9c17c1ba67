package dev.serval.models.text;

/** Puts together the characters that a vocabulary without them spells as bytes, {@code <0xE2>}. */
final class ByteFallbackStage implements DecoderStage {
  private final Utf8Text text = new Utf8Text(true);

  @Override
  public String next(String piece, boolean first) {
    int octet = octet(piece);
    if (octet >= 0) {
      text.add(octet);
    } else if (!piece.isEmpty()) {
      text.add(piece);
    }
    return text.take();
  }

  @Override
  public String finish() {
    text.breakOff();
    return text.take();
  }

  private static int octet(String piece) {
    if (piece.length() != 6 || !piece.startsWith("<0x") || piece.charAt(5) != '>') {
      return -1;
    }
    int high = Character.digit(piece.charAt(3), 16);
    int low = Character.digit(piece.charAt(4), 16);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
  }
}
