package dev.serval.models.chat;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * What values of templates are and how they behave: {@link None}, {@link Undefined}, {@code
 * Boolean}, {@code Long}, {@code Double}, {@code String}, {@code List}, {@link Tuple}, {@code Map},
 * {@link Namespace}, {@link LoopState}, {@link Iterated} and {@link Callable}, with the rules of <a
 * href="https://docs.python.org/3/library/stdtypes.html">Python's built-in types</a>.
 */
final class Values {
  private Values() {}

  static boolean truth(Object value) {
    return switch (value) {
      case Boolean flag -> flag;
      case Long number -> number != 0;
      case Double number -> number != 0;
      case String text -> !text.isEmpty();
      case List<?> list -> !list.isEmpty();
      case Map<?, ?> map -> !map.isEmpty();
      case Iterated iterated -> iterated.truth();
      case None none -> false;
      case Undefined undefined -> false;
      default -> true;
    };
  }

  /** Python's name of a value's type, for messages. */
  static String kind(Object value) {
    return switch (value) {
      case Boolean flag -> "bool";
      case Long number -> "int";
      case Double number -> "float";
      case String text -> "str";
      case Tuple tuple -> "tuple";
      case List<?> list -> "list";
      case Map<?, ?> map -> "dict";
      case None none -> "None";
      case Namespace namespace -> "namespace";
      case LoopState loop -> "loop";
      case Iterated iterated -> "generator";
      case Undefined undefined -> "undefined";
      default -> "function";
    };
  }

  static boolean equal(Object a, Object b) {
    if (numeric(a) && numeric(b)) {
      return (a instanceof Double || b instanceof Double)
          ? real(a) == real(b)
          : whole(a) == whole(b);
    }
    if (a instanceof List<?> left && b instanceof List<?> right) {
      return ((a instanceof Tuple) == (b instanceof Tuple)) && equalItems(left, right);
    }
    if (a instanceof Map<?, ?> left && b instanceof Map<?, ?> right) {
      return left.size() == right.size()
          && left.entrySet().stream()
              .allMatch(entry ->
                  right.containsKey(entry.getKey())
                      && equal(entry.getValue(), right.get(entry.getKey())));
    }
    return Objects.equals(a, b);
  }

  /** Orders two numbers, texts or lists; nothing else has an order. */
  static int compare(Object a, Object b, String operator) {
    if (numeric(a) && numeric(b)) {
      return a instanceof Double || b instanceof Double
          ? (real(a) < real(b) ? -1 : real(a) > real(b) ? 1 : 0)
          : Long.compare(whole(a), whole(b));
    }
    if (a instanceof String left && b instanceof String right) {
      return Texts.compare(left, right);
    }
    if (a instanceof List<?> left
        && b instanceof List<?> right
        && (a instanceof Tuple) == (b instanceof Tuple)) {
      return compareItems(left, right, operator);
    }
    throw unsupported(operator, a, b);
  }

  static boolean contains(Object container, Object item) {
    return switch (container) {
      case String text -> text.contains(text(item, "'in'"));
      case List<?> list -> list.stream().anyMatch(each -> equal(each, item));
      case Map<?, ?> map -> map.containsKey(Subscripts.key(item));
      case Undefined undefined -> false;
      case Iterated iterated -> iterated.take().stream().anyMatch(each -> equal(each, item));
      default -> throw TemplateFailure.of("nothing can be in a " + kind(container));
    };
  }

  /** What a loop over a value sees; a dict is its keys, a text its characters. */
  @SuppressWarnings("unchecked")
  static List<Object> items(Object value) {
    return switch (value) {
      case List<?> list -> (List<Object>) list;
      case Map<?, ?> map -> new ArrayList<>(map.keySet());
      case String text -> Texts.characters(text);
      case Undefined undefined -> List.of();
      case Iterated iterated -> iterated.take();
      default -> throw TemplateFailure.of("a " + kind(value) + " is not iterable");
    };
  }

  static long length(Object value) {
    return switch (value) {
      case String text -> text.codePointCount(0, text.length());
      case List<?> list -> list.size();
      case Map<?, ?> map -> map.size();
      case Undefined undefined -> 0;
      case Iterated iterated -> iterated.length();
      default -> throw TemplateFailure.of("a " + kind(value) + " has no length");
    };
  }

  static boolean numeric(Object value) {
    return value instanceof Long || value instanceof Double || value instanceof Boolean;
  }

  static String text(Object value, String for_) {
    if (value instanceof String text) {
      return text;
    }
    if (value instanceof Undefined undefined) {
      throw undefined.failure();
    }
    throw TemplateFailure.of("%s takes a str, not a %s".formatted(for_, kind(value)));
  }

  static long integer(Object value, String for_) {
    if (value instanceof Long || value instanceof Boolean) {
      return whole(value);
    }
    throw TemplateFailure.of("%s takes an int, not a %s".formatted(for_, kind(value)));
  }

  static long whole(Object value) {
    return value instanceof Boolean flag ? (flag ? 1 : 0) : ((Long) value);
  }

  static double real(Object value) {
    return value instanceof Double number ? number : whole(value);
  }

  /** A value as it is printed. */
  static String print(Object value) {
    return value instanceof String text ? text : value instanceof Undefined ? "" : represent(value);
  }

  /** A value as it is printed within a list. */
  static String represent(Object value) {
    return switch (value) {
      case String text -> Texts.quoted(text);
      case Boolean flag -> flag ? "True" : "False";
      case Long number -> number.toString();
      case Double number -> number(number);
      case None none -> "None";
      case Undefined undefined -> "Undefined";
      case Tuple tuple ->
          tuple.size() == 1 ? "(" + joined(tuple) + ",)" : "(" + joined(tuple) + ")";
      case List<?> list -> "[" + joined(list) + "]";
      case Map<?, ?> map -> "{" + pairs(map) + "}";
      default -> throw TemplateFailure.of("a " + kind(value) + " cannot be printed");
    };
  }

  /** A float with the fewest digits that tell it from its neighbours, as Python prints it. */
  static String number(double value) {
    if (Double.isNaN(value) || Double.isInfinite(value)) {
      return Double.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
    }
    if (value == 0) {
      return 1 / value < 0 ? "-0.0" : "0.0";
    }
    BigDecimal decimal = new BigDecimal(Double.toString(value)).stripTrailingZeros();
    int exponent = decimal.precision() - decimal.scale() - 1;
    if (exponent >= -4 && exponent < 16) {
      return decimal.scale() <= 0 ? decimal.toBigInteger() + ".0" : decimal.toPlainString();
    }
    BigDecimal mantissa = decimal.movePointLeft(exponent);
    String digits =
        mantissa.scale() <= 0 ? mantissa.toBigInteger().toString() : mantissa.toPlainString();
    return "%se%s%02d".formatted(digits, exponent < 0 ? "-" : "+", Math.abs(exponent));
  }

  static TemplateFailure unsupported(String operator, Object a, Object b) {
    if (a instanceof Undefined undefined) {
      return undefined.failure();
    }
    if (b instanceof Undefined undefined) {
      return undefined.failure();
    }
    return TemplateFailure.of(
        "'%s' does not take a %s and a %s".formatted(operator, kind(a), kind(b)));
  }

  private static boolean equalItems(List<?> a, List<?> b) {
    if (a.size() != b.size()) {
      return false;
    }
    for (int i = 0; i < a.size(); i++) {
      if (!equal(a.get(i), b.get(i))) {
        return false;
      }
    }
    return true;
  }

  private static int compareItems(List<?> a, List<?> b, String operator) {
    for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
      if (!equal(a.get(i), b.get(i))) {
        return compare(a.get(i), b.get(i), operator);
      }
    }
    return Integer.compare(a.size(), b.size());
  }

  private static String joined(List<?> list) {
    return String.join(", ", list.stream().map(Values::represent).toList());
  }

  private static String pairs(Map<?, ?> map) {
    return String.join(
        ", ",
        map.entrySet().stream()
            .map(entry -> represent(entry.getKey()) + ": " + represent(entry.getValue()))
            .toList());
  }
}
