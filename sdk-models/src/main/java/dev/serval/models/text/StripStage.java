package dev.serval.models.text;

/** Takes a character off the ends of the whole text, up to so many times. */
final class StripStage implements DecoderStage {
  private final char character;
  private final int trailing;
  private int leading;
  private int held;

  StripStage(char character, int leading, int trailing) {
    this.character = character;
    this.leading = leading;
    this.trailing = trailing;
  }

  @Override
  public String next(String piece, boolean first) {
    if (piece.isEmpty()) {
      return piece;
    }
    String text = String.valueOf(character).repeat(held) + withoutLeading(piece);
    held = trailing(text);
    return text.substring(0, text.length() - held);
  }

  private String withoutLeading(String piece) {
    int from = 0;
    while (from < piece.length() && leading > 0 && piece.charAt(from) == character) {
      from++;
      leading--;
    }
    leading = from < piece.length() ? 0 : leading;
    return piece.substring(from);
  }

  private int trailing(String text) {
    int count = 0;
    while (count < Math.min(trailing, text.length())
        && text.charAt(text.length() - 1 - count) == character) {
      count++;
    }
    return count;
  }
}
