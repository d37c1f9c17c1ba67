package dev.serval.models.chat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Writes values as JSON with the spaces and escapes of Python's {@code json.dumps}, which is what
 * models were trained on.
 */
final class JsonText {
  private final boolean ascii;
  private final boolean sorted;
  private final String indent;
  private final String comma;
  private final String colon;
  private final StringBuilder out = new StringBuilder();

  private JsonText(boolean ascii, boolean sorted, String indent, String comma, String colon) {
    this.ascii = ascii;
    this.sorted = sorted;
    this.indent = indent;
    this.comma = comma;
    this.colon = colon;
  }

  /** The filter {@code tojson} as Hugging Face defines it. */
  static String of(Object value, Arguments arguments) {
    arguments.only("ensure_ascii", "indent", "separators", "sort_keys");
    String indent = indent(arguments.optional(1, "indent", None.NONE));
    Object separators = arguments.optional(2, "separators", None.NONE);
    String comma = indent.isEmpty() ? ", " : ",";
    String colon = ": ";
    if (separators instanceof List<?> pair && pair.size() == 2) {
      comma = Values.text(pair.get(0), "separators");
      colon = Values.text(pair.get(1), "separators");
    } else if (separators != None.NONE) {
      throw TemplateFailure.of("separators are two texts, not a " + Values.kind(separators));
    }
    boolean ascii = arguments.flag(0, "ensure_ascii", false);
    boolean sorted = arguments.flag(3, "sort_keys", false);
    JsonText json = new JsonText(ascii, sorted, indent, comma, colon);
    json.write(value, "\n");
    return json.out.toString();
  }

  /** What one level is indented by; empty for everything on one line. */
  private static String indent(Object value) {
    return switch (value) {
      case None none -> "";
      case String text -> text;
      default -> " ".repeat(Math.toIntExact(Math.min(64, Values.integer(value, "indent"))));
    };
  }

  private void write(Object value, String line) {
    switch (value) {
      case String text -> quote(text);
      case Boolean flag -> out.append(flag ? "true" : "false");
      case Long number -> out.append(number.longValue());
      case Double number -> out.append(number(number));
      case None none -> out.append("null");
      case List<?> list -> list(list, line);
      case Map<?, ?> map -> map(map, line);
      default -> throw TemplateFailure.of("a " + Values.kind(value) + " cannot be written as JSON");
    }
  }

  private void list(List<?> list, String line) {
    out.append('[');
    String inner = line + indent;
    String before = indent.isEmpty() ? "" : inner;
    for (Object item : list) {
      out.append(before);
      write(item, inner);
      before = indent.isEmpty() ? comma : comma + inner;
    }
    close(list.isEmpty(), line, ']');
  }

  private void map(Map<?, ?> map, String line) {
    out.append('{');
    String inner = line + indent;
    String before = indent.isEmpty() ? "" : inner;
    for (Map.Entry<?, ?> entry : entries(map)) {
      out.append(before);
      quote(key(entry.getKey()));
      out.append(colon);
      write(entry.getValue(), inner);
      before = indent.isEmpty() ? comma : comma + inner;
    }
    close(map.isEmpty(), line, '}');
  }

  private void close(boolean empty, String line, char bracket) {
    if (!empty && !indent.isEmpty()) {
      out.append(line);
    }
    out.append(bracket);
  }

  private List<? extends Map.Entry<?, ?>> entries(Map<?, ?> map) {
    List<Map.Entry<?, ?>> entries = new ArrayList<>(map.entrySet());
    if (sorted) {
      entries.sort((a, b) -> Values.compare(a.getKey(), b.getKey(), "<"));
    }
    return entries;
  }

  private static String key(Object key) {
    return switch (key) {
      case String text -> text;
      case Boolean flag -> flag ? "true" : "false";
      case Long number -> number.toString();
      case Double number -> number(number);
      case None none -> "null";
      default -> throw TemplateFailure.of("a " + Values.kind(key) + " cannot be a key in JSON");
    };
  }

  private static String number(double value) {
    return Double.isNaN(value)
        ? "NaN"
        : Double.isInfinite(value) ? (value > 0 ? "Infinity" : "-Infinity") : Values.number(value);
  }

  private void quote(String text) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        default -> {
          if (c < 0x20 || (ascii && c > 0x7E)) {
            out.append("\\u%04x".formatted((int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
  }
}
