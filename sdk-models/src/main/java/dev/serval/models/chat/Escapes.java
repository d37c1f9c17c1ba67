package dev.serval.models.chat;

/** The escapes of Python's string literals. */
final class Escapes {
  private static final String SIMPLE = "\\'\"abfnrtv";
  private static final String MEANT = "\\'\"\u0007\b\f\n\r\t\u000B";

  private final String literal;
  private final StringBuilder out = new StringBuilder();
  private int at;

  private Escapes(String literal) {
    this.literal = literal;
  }

  static String decode(String literal) {
    if (literal.indexOf('\\') < 0) {
      return literal;
    }
    Escapes escapes = new Escapes(literal);
    while (escapes.at < literal.length()) {
      escapes.next();
    }
    return escapes.out.toString();
  }

  private void next() {
    char c = literal.charAt(at++);
    if (c != '\\') {
      out.append(c);
      return;
    }
    char escape = literal.charAt(at++);
    int simple = SIMPLE.indexOf(escape);
    if (simple >= 0) {
      out.append(MEANT.charAt(simple));
    } else if (escape >= '0' && escape <= '7') {
      octal();
    } else {
      special(escape);
    }
  }

  private void special(char escape) {
    switch (escape) {
      case '\n' -> {}
      case 'x' -> hexadecimal(2);
      case 'u' -> hexadecimal(4);
      case 'U' -> hexadecimal(8);
      case 'N' -> throw TemplateFailure.of("the escape \\N{…} is not supported");
      default -> out.append('\\').append(escape);
    }
  }

  private void octal() {
    int end = at;
    while (end < Math.min(at + 2, literal.length())
        && literal.charAt(end) >= '0'
        && literal.charAt(end) <= '7') {
      end++;
    }
    out.append((char) Integer.parseInt(literal.substring(at - 1, end), 8));
    at = end;
  }

  private void hexadecimal(int digits) {
    String code = literal.substring(at, Math.min(at + digits, literal.length()));
    if (!code.matches("[0-9a-fA-F]{" + digits + "}")
        || !Character.isValidCodePoint(Integer.parseUnsignedInt(code, 16))) {
      throw TemplateFailure.of("'\\…%s' is no character in a string".formatted(code));
    }
    out.appendCodePoint(Integer.parseUnsignedInt(code, 16));
    at += digits;
  }
}
