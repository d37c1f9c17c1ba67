package dev.serval.models.chat;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/** What Python does with texts, which it takes as sequences of code points. */
final class Texts {
  private Texts() {}

  /** White space in Python's sense: {@code str.isspace}. */
  static boolean space(int c) {
    return (c >= 0x09 && c <= 0x0D)
        || (c >= 0x1C && c <= 0x20)
        || c == 0x85
        || c == 0xA0
        || c == 0x1680
        || (c >= 0x2000 && c <= 0x200A)
        || c == 0x2028
        || c == 0x2029
        || c == 0x202F
        || c == 0x205F
        || c == 0x3000;
  }

  /** Takes characters off the ends: those given, or white space. */
  static String strip(String text, @Nullable String characters, boolean left, boolean right) {
    IntPredicate off = characters == null ? Texts::space : c -> characters.indexOf(c) >= 0;
    int from = 0;
    int to = text.length();
    while (left && from < to && off.test(text.codePointAt(from))) {
      from += Character.charCount(text.codePointAt(from));
    }
    while (right && to > from && off.test(text.codePointBefore(to))) {
      to -= Character.charCount(text.codePointBefore(to));
    }
    return text.substring(from, to);
  }

  static List<Object> characters(String text) {
    List<Object> characters = new ArrayList<>(text.length());
    text.codePoints().forEach(c -> characters.add(Character.toString(c)));
    return characters;
  }

  /** Splits at a separator, at most {@code limit} times if that is not negative. */
  static List<Object> split(String text, String separator, long limit) {
    if (separator.isEmpty()) {
      throw TemplateFailure.of("a text cannot be split at an empty one");
    }
    List<Object> parts = new ArrayList<>();
    int from = 0;
    for (int at = text.indexOf(separator);
        at >= 0 && (limit < 0 || parts.size() < limit);
        at = text.indexOf(separator, from)) {
      parts.add(text.substring(from, at));
      from = at + separator.length();
    }
    parts.add(text.substring(from));
    return parts;
  }

  /** Splits at a separator from the right. */
  static List<Object> splitFromRight(String text, String separator, long limit) {
    List<Object> all = split(text, separator, -1);
    if (limit < 0 || all.size() <= limit + 1) {
      return all;
    }
    int kept = Math.toIntExact(all.size() - limit);
    List<Object> parts = new ArrayList<>();
    parts.add(String.join(separator, all.subList(0, kept).stream().map(Values::print).toList()));
    parts.addAll(all.subList(kept, all.size()));
    return parts;
  }

  /** Splits at runs of white space. */
  static List<Object> words(String text, long limit) {
    List<Object> words = new ArrayList<>();
    String rest = strip(text, null, true, false);
    while (!rest.isEmpty()) {
      int end = limit >= 0 && words.size() >= limit ? rest.length() : nextSpace(rest);
      words.add(rest.substring(0, end));
      rest = strip(rest.substring(end), null, true, false);
    }
    return words;
  }

  /** Splits into lines at any of Python's line ends. */
  static List<Object> lines(String text, boolean keepEnds) {
    List<Object> lines = new ArrayList<>();
    int from = 0;
    for (int i = 0; i < text.length(); i++) {
      if (!lineEnd(text.charAt(i))) {
        continue;
      }
      int end = i;
      if (text.charAt(i) == '\r' && i + 1 < text.length() && text.charAt(i + 1) == '\n') {
        i++;
      }
      lines.add(text.substring(from, keepEnds ? i + 1 : end));
      from = i + 1;
    }
    if (from < text.length()) {
      lines.add(text.substring(from));
    }
    return lines;
  }

  static String capitalized(String text) {
    if (text.isEmpty()) {
      return text;
    }
    int first = Character.charCount(text.codePointAt(0));
    return upper(text.substring(0, first)) + lower(text.substring(first));
  }

  /** Capitalises each run of letters. */
  static String title(String text) {
    StringBuilder title = new StringBuilder();
    boolean within = false;
    for (Object each : characters(text)) {
      String character = (String) each;
      title.append(within ? lower(character) : upper(character));
      within = Character.isLetter(character.codePointAt(0));
    }
    return title.toString();
  }

  static String upper(String text) {
    return text.toUpperCase(java.util.Locale.ROOT);
  }

  static String lower(String text) {
    return text.toLowerCase(java.util.Locale.ROOT);
  }

  /** By code points, unlike {@code String.compareTo}. */
  static int compare(String a, String b) {
    int[] left = a.codePoints().toArray();
    int[] right = b.codePoints().toArray();
    return java.util.Arrays.compare(left, right);
  }

  static int count(String text, String part) {
    return part.isEmpty()
        ? Math.toIntExact(Values.length(text)) + 1
        : split(text, part, -1).size() - 1;
  }

  static String replace(String text, String from, String to, long limit) {
    if (limit < 0) {
      return text.replace(from, to);
    }
    if (from.isEmpty()) {
      throw TemplateFailure.of("replace with a count needs a text to look for");
    }
    return String.join(to, split(text, from, limit).stream().map(Values::print).toList());
  }

  /** As Python writes a text within a list: in single quotes, if it can. */
  static String quoted(String text) {
    char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
    StringBuilder quoted = new StringBuilder().append(quote);
    text.codePoints().forEach(c -> quote(c, quote, quoted));
    return quoted.append(quote).toString();
  }

  private static void quote(int c, char quote, StringBuilder out) {
    switch (c) {
      case '\n' -> out.append("\\n");
      case '\r' -> out.append("\\r");
      case '\t' -> out.append("\\t");
      case '\\' -> out.append("\\\\");
      default -> {
        if (c == quote) {
          out.append('\\').append(quote);
        } else if (printable(c)) {
          out.appendCodePoint(c);
        } else {
          out.append((c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x").formatted(c));
        }
      }
    }
  }

  private static boolean printable(int c) {
    return c == ' '
        || switch (Character.getType(c)) {
          case Character.CONTROL,
              Character.FORMAT,
              Character.SURROGATE,
              Character.PRIVATE_USE,
              Character.UNASSIGNED,
              Character.LINE_SEPARATOR,
              Character.PARAGRAPH_SEPARATOR,
              Character.SPACE_SEPARATOR ->
              false;
          default -> true;
        };
  }

  private static boolean lineEnd(char c) {
    return (c >= '\n' && c <= '\r')
        || (c >= 0x1C && c <= 0x1E)
        || c == 0x85
        || c == 0x2028
        || c == 0x2029;
  }

  private static int nextSpace(String text) {
    int at = 0;
    while (at < text.length() && !space(text.charAt(at))) {
      at++;
    }
    return at;
  }
}
