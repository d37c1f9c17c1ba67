package dev.serval.models.chat;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Cuts a template into text, outputs and statements, with the white space around them treated as by
 * Jinja's lexer with {@code trim_blocks} and {@code lstrip_blocks} on, which is how chat templates
 * are written: a line break after a statement or comment is taken off, and so are the spaces before
 * one that is the first thing on its line; {@code -} takes off all white space on its side, and
 * {@code +} leaves it. jinjava's own trimming differs from this in several places, so it is given
 * structure alone.
 */
final class TemplateScanner {
  private static final Set<String> STATEMENTS =
      Set.of(
          "if",
          "elif",
          "else",
          "for",
          "set",
          "macro",
          "break",
          "continue",
          "generation",
          "endif",
          "endfor",
          "endset",
          "endmacro",
          "endgeneration");

  private final String source;
  private final List<Piece> pieces = new ArrayList<>();
  private int at;
  private boolean lineStarts = true;
  private int counted;
  private int line = 1;

  private TemplateScanner(String source) {
    this.source = source;
  }

  static List<Piece> scan(String template) {
    String lines = template.replace("\r\n", "\n").replace('\r', '\n');
    TemplateScanner scanner =
        new TemplateScanner(lines.endsWith("\n") ? lines.substring(0, lines.length() - 1) : lines);
    while (scanner.at < scanner.source.length()) {
      scanner.next();
    }
    return scanner.pieces;
  }

  private void next() {
    int begin = nextBegin();
    String text = source.substring(at, begin);
    if (begin == source.length()) {
      add(Piece.Kind.TEXT, "", text, at);
      at = begin;
      return;
    }
    char kind = source.charAt(begin + 1);
    text(text, sign(begin + 2), kind != '{');
    int inner = begin + 2 + (sign(begin + 2) == 0 ? 0 : 1);
    switch (kind) {
      case '#' -> comment(begin, inner);
      case '{' -> output(begin, inner);
      default -> statement(begin, inner);
    }
    lineStarts = at > 0 && source.charAt(at - 1) == '\n';
  }

  private int nextBegin() {
    for (int i = at; i + 1 < source.length(); i++) {
      if (source.charAt(i) == '{' && "{%#".indexOf(source.charAt(i + 1)) >= 0) {
        return i;
      }
    }
    return source.length();
  }

  /** The sign for white space at a place: {@code -}, {@code +} or none. */
  private char sign(int index) {
    char c = index < source.length() ? source.charAt(index) : 0;
    return c == '-' || c == '+' ? c : 0;
  }

  /** Adds the text before a tag, without the white space that the tag takes off. */
  private void text(String text, char sign, boolean stripsLine) {
    String kept = text;
    if (sign == '-') {
      kept = Texts.strip(text, null, false, true);
    } else if (sign != '+' && stripsLine) {
      int line = text.lastIndexOf('\n') + 1;
      boolean starts = line > 0 || lineStarts;
      kept =
          starts && Texts.strip(text.substring(line), null, true, false).isEmpty()
              ? text.substring(0, line)
              : text;
    }
    add(Piece.Kind.TEXT, "", kept, at);
  }

  private void comment(int begin, int inner) {
    int end = source.indexOf("#}", inner);
    if (end < 0) {
      throw failure(begin, "a comment has no end");
    }
    after(end, "#}", end > inner ? sign(end - 1) : 0, true);
  }

  private void output(int begin, int inner) {
    int end = end(begin, inner, "}}");
    char sign = source.charAt(end - 1) == '-' && end > inner ? '-' : 0;
    add(Piece.Kind.OUTPUT, "", source.substring(inner, end - (sign == 0 ? 0 : 1)), begin);
    after(end, "}}", sign, false);
  }

  private void statement(int begin, int inner) {
    int end = end(begin, inner, "%}");
    char sign = end > inner ? sign(end - 1) : 0;
    String content =
        Texts.strip(source.substring(inner, end - (sign == 0 ? 0 : 1)), null, true, true);
    int length = 0;
    while (length < content.length() && Character.isJavaIdentifierPart(content.charAt(length))) {
      length++;
    }
    String name = content.substring(0, length);
    String rest = Texts.strip(content.substring(length), null, true, true);
    if (name.equals("raw") && rest.isEmpty() && sign != '+') {
      raw(begin, sign == '-' ? skipSpace(end + 2) : end + 2);
      return;
    }
    require(name, rest, begin);
    add(Piece.Kind.STATEMENT, name, rest, begin);
    after(end, "%}", sign, true);
  }

  private void require(String name, String rest, int begin) {
    if (!STATEMENTS.contains(name)) {
      throw failure(
          begin,
          "the statement '%s' is not supported; there are %s"
              .formatted(name, String.join(", ", new java.util.TreeSet<>(STATEMENTS))));
    }
    if (name.startsWith("end") && !rest.isEmpty()) {
      throw failure(begin, "'%s' is followed by '%s'".formatted(name, Tokens.excerpt(rest)));
    }
  }

  /** Takes everything up to {@code endraw} as text. */
  private void raw(int begin, int from) {
    at = from;
    for (int i = source.indexOf("{%", from); i >= 0; i = source.indexOf("{%", i + 2)) {
      char before = sign(i + 2);
      int name = skipSpace(i + 2 + (before == 0 ? 0 : 1));
      int close = skipSpace(name + "endraw".length());
      char sign = source.startsWith("endraw", name) ? sign(close) : 0;
      int end = sign == 0 ? close : close + 1;
      if (source.startsWith("endraw", name) && source.startsWith("%}", end)) {
        lineStarts = false;
        text(source.substring(from, i), before, true);
        after(end, "%}", sign, true);
        return;
      }
    }
    throw failure(begin, "'raw' has no 'endraw'");
  }

  /** Where a tag's content ends, which may hold brackets and strings. */
  private int end(int begin, int from, String closing) {
    int depth = 0;
    int i = from;
    while (i < source.length()) {
      char c = source.charAt(i);
      if (depth == 0 && source.startsWith(closing, i)) {
        return i;
      }
      if (c == '\'' || c == '"') {
        i = Tokens.stringEnd(source, i);
        continue;
      }
      depth += "([{".indexOf(c) >= 0 ? 1 : ")]}".indexOf(c) >= 0 ? -1 : 0;
      i++;
    }
    throw failure(begin, "'" + source.substring(begin, begin + 2) + "' has no '" + closing + "'");
  }

  /** Goes on after a tag's end. */
  private void after(int end, String closing, char sign, boolean trimsLine) {
    at = end + closing.length();
    if (sign == '-') {
      at = skipSpace(at);
    } else if (sign != '+' && trimsLine && source.startsWith("\n", at)) {
      at++;
    }
  }

  private int skipSpace(int from) {
    int i = from;
    while (i < source.length() && Texts.space(source.charAt(i))) {
      i++;
    }
    return i;
  }

  private void add(Piece.Kind kind, String name, String content, int index) {
    if (kind != Piece.Kind.TEXT || !content.isEmpty()) {
      pieces.add(new Piece(kind, name, content, line(index)));
    }
  }

  private int line(int index) {
    for (; counted < index; counted++) {
      line += source.charAt(counted) == '\n' ? 1 : 0;
    }
    return line;
  }

  private TemplateFailure failure(int index, String problem) {
    return TemplateFailure.of(problem).at(line(index));
  }
}
