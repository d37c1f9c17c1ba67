package dev.serval.storage.text;

/** Text from a file as it may appear in a message: of one line, visible and short. */
public final class Quoted {
  private static final int LONGEST = 160;

  private Quoted() {}

  /**
   * In quotation marks.
   *
   * @param text any text
   * @return the text between quotation marks, escaped and shortened
   */
  public static String of(String text) {
    return "'" + plain(text) + "'";
  }

  /**
   * Without quotation marks.
   *
   * @param text any text
   * @return the text, escaped and shortened
   */
  public static String plain(String text) {
    StringBuilder shown = new StringBuilder();
    text.codePoints().limit(LONGEST).forEach(point -> append(shown, point));
    return text.codePoints().skip(LONGEST).findAny().isPresent() ? shown + "…" : shown.toString();
  }

  private static void append(StringBuilder shown, int point) {
    if (isVisible(point)) {
      shown.appendCodePoint(point);
    } else {
      shown.append("\\u{").append(Integer.toHexString(point)).append('}');
    }
  }

  private static boolean isVisible(int point) {
    return switch (Character.getType(point)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> true;
    };
  }
}
