package dev.serval.models.chat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Jinja's filters: what may follow {@code |}. Those over sequences are in {@link ListFilters}. */
final class Filters {
  /** A filter. */
  @FunctionalInterface
  interface Filter {
    Object apply(Object value, Arguments arguments);
  }

  private static final Pattern WORD = Pattern.compile("[-\\s({\\[<]+|[^-\\s({\\[<]+");
  private static final Map<String, Filter> TABLE = table();

  private Filters() {}

  /** Refuses a filter that is not there. */
  static void require(String name) {
    if (!TABLE.containsKey(name)) {
      throw TemplateFailure.of(
          "the filter '%s' is not supported; there are %s"
              .formatted(name, String.join(", ", TABLE.keySet())));
    }
  }

  static Filter named(String name) {
    require(name);
    return TABLE.getOrDefault(name, (value, arguments) -> value);
  }

  private static Map<String, Filter> table() {
    Map<String, Filter> table = new TreeMap<>();
    texts(table);
    numbers(table);
    table.put("tojson", JsonText::of);
    table.put("default", Filters::otherwise);
    table.put("d", Filters::otherwise);
    table.put("length", (value, arguments) -> Values.length(value));
    table.put("count", (value, arguments) -> Values.length(value));
    ListFilters.addTo(table);
    return Collections.unmodifiableMap(table);
  }

  private static void texts(Map<String, Filter> table) {
    table.put("string", (value, arguments) -> Values.print(value));
    table.put("safe", (value, arguments) -> Values.print(value));
    table.put("upper", (value, arguments) -> Texts.upper(Values.print(value)));
    table.put("lower", (value, arguments) -> Texts.lower(Values.print(value)));
    table.put("capitalize", (value, arguments) -> Texts.capitalized(Values.print(value)));
    table.put("title", (value, arguments) -> title(Values.print(value)));
    table.put("trim", Filters::trim);
    table.put("replace", Filters::replace);
    table.put("indent", Filters::indent);
  }

  private static void numbers(Map<String, Filter> table) {
    table.put("int", Filters::integer);
    table.put("float", Filters::real);
    table.put("abs", (value, arguments) -> absolute(value));
    table.put("round", Filters::round);
  }

  private static Object otherwise(Object value, Arguments arguments) {
    arguments.only("default_value", "boolean");
    boolean missing =
        value instanceof Undefined || (arguments.flag(1, "boolean", false) && !Values.truth(value));
    return missing ? arguments.optional(0, "default_value", "") : value;
  }

  private static Object trim(Object value, Arguments arguments) {
    Object characters = arguments.only("chars").optional(0, "chars", None.NONE);
    String set = characters == None.NONE ? null : Values.text(characters, "trim");
    return Texts.strip(Values.print(value), set, true, true);
  }

  private static Object replace(Object value, Arguments arguments) {
    arguments.only("old", "new", "count");
    return Texts.replace(
        Values.print(value),
        Values.print(arguments.required(0, "old")),
        Values.print(arguments.required(1, "new")),
        arguments.optional(2, "count", None.NONE) == None.NONE
            ? -1
            : arguments.integer(2, "count", -1));
  }

  private static String title(String text) {
    StringBuilder title = new StringBuilder();
    Matcher words = WORD.matcher(text);
    while (words.find()) {
      title.append(Texts.capitalized(words.group()));
    }
    return title.toString();
  }

  private static Object indent(Object value, Arguments arguments) {
    arguments.only("width", "first", "blank");
    Object width = arguments.optional(0, "width", 4L);
    String indent =
        width instanceof String text
            ? text
            : " ".repeat(Math.clamp(Values.integer(width, "indent"), 0, 256));
    boolean blank = arguments.flag(2, "blank", false);
    List<String> lines = new ArrayList<>();
    for (Object line : Texts.lines(Values.text(value, "indent") + "\n", false)) {
      String text = (String) line;
      boolean plain = lines.isEmpty() || (text.isEmpty() && !blank);
      lines.add(plain ? text : indent + text);
    }
    String whole = String.join("\n", lines);
    return arguments.flag(1, "first", false) ? indent + whole : whole;
  }

  private static Object integer(Object value, Arguments arguments) {
    arguments.only("default", "base");
    requireDefined(value);
    try {
      if (value instanceof String text) {
        int base = arguments.integer(1, "base", 10);
        return Long.parseLong(Texts.strip(text, null, true, true).replace("_", ""), base);
      }
      return value instanceof Double number ? (long) (double) number : Values.integer(value, "int");
    } catch (NumberFormatException | TemplateFailure e) {
      if (value instanceof String text
          && real(text, Double.NaN) instanceof Double number
          && Double.isFinite(number)) {
        return (long) (double) number;
      }
      return arguments.optional(0, "default", 0L);
    }
  }

  private static Object real(Object value, Arguments arguments) {
    requireDefined(value);
    return real(value, arguments.only("default").optional(0, "default", 0.0));
  }

  private static void requireDefined(Object value) {
    if (value instanceof Undefined undefined) {
      throw undefined.failure();
    }
  }

  private static Object real(Object value, Object otherwise) {
    if (Values.numeric(value)) {
      return Values.real(value);
    }
    try {
      return value instanceof String text
          ? (Object) Double.parseDouble(Texts.strip(text, null, true, true).replace("_", ""))
          : otherwise;
    } catch (NumberFormatException e) {
      return otherwise;
    }
  }

  private static Object absolute(Object value) {
    if (value instanceof Double number) {
      return Math.abs(number);
    }
    long number = Values.integer(value, "abs");
    return number < 0 ? Operators.apply("-", 0L, number) : (Object) number;
  }

  private static Object round(Object value, Arguments arguments) {
    arguments.only("precision", "method");
    if (!Values.numeric(value)) {
      throw TemplateFailure.of("round takes a number, not a " + Values.kind(value));
    }
    double number = Values.real(value);
    int precision = arguments.integer(0, "precision", 0);
    double scale = Math.pow(10, precision);
    return switch (Values.text(arguments.optional(1, "method", "common"), "round")) {
      case "common" -> rounded(value, precision);
      case "ceil" -> Math.ceil(number * scale) / scale;
      case "floor" -> Math.floor(number * scale) / scale;
      default -> throw TemplateFailure.of("round goes 'common', 'ceil' or 'floor'");
    };
  }

  /** Half to even of the exact value, as Python rounds. */
  private static Object rounded(Object value, int precision) {
    if (!(value instanceof Double number)) {
      return Values.whole(value);
    }
    return new java.math.BigDecimal(number)
        .setScale(precision, java.math.RoundingMode.HALF_EVEN)
        .doubleValue();
  }
}
