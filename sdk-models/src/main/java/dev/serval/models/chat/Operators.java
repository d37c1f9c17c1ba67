package dev.serval.models.chat;

import java.util.ArrayList;
import java.util.List;

/** The operators of expressions, with Python's rules. */
final class Operators {
  private static final int MAX_REPEATED = 1 << 20;

  private Operators() {}

  static boolean compare(String operator, Object a, Object b) {
    return switch (operator) {
      case "==" -> Values.equal(a, b);
      case "!=" -> !Values.equal(a, b);
      case "<" -> Values.compare(a, b, operator) < 0;
      case "<=" -> Values.compare(a, b, operator) <= 0;
      case ">" -> Values.compare(a, b, operator) > 0;
      case ">=" -> Values.compare(a, b, operator) >= 0;
      case "in" -> Values.contains(b, a);
      case "not in" -> !Values.contains(b, a);
      default -> throw new IllegalArgumentException(operator);
    };
  }

  static Object apply(String operator, Object a, Object b) {
    if (operator.equals("~")) {
      return Values.print(a) + Values.print(b);
    }
    if (Values.numeric(a) && Values.numeric(b)) {
      return a instanceof Double || b instanceof Double
          ? real(operator, Values.real(a), Values.real(b))
          : whole(operator, Values.whole(a), Values.whole(b));
    }
    return switch (operator) {
      case "+" -> joined(a, b);
      case "*" -> repeated(a, b);
      default -> throw Values.unsupported(operator, a, b);
    };
  }

  private static Object whole(String operator, long a, long b) {
    try {
      return switch (operator) {
        case "+" -> Math.addExact(a, b);
        case "-" -> Math.subtractExact(a, b);
        case "*" -> Math.multiplyExact(a, b);
        case "/" -> real(operator, (double) a, (double) b);
        case "//" -> Math.floorDiv(a, b);
        case "%" -> Math.floorMod(a, b);
        case "**" -> power(a, b);
        default -> throw new IllegalArgumentException(operator);
      };
    } catch (ArithmeticException e) {
      throw TemplateFailure.of("%d %s %d: %s".formatted(a, operator, b, e.getMessage()));
    }
  }

  private static Object real(String operator, double a, double b) {
    if (b == 0 && (operator.equals("/") || operator.equals("//") || operator.equals("%"))) {
      throw TemplateFailure.of("a division by zero");
    }
    return switch (operator) {
      case "+" -> a + b;
      case "-" -> a - b;
      case "*" -> a * b;
      case "/" -> a / b;
      case "//" -> Math.floor(a / b);
      case "%" -> a - b * Math.floor(a / b);
      case "**" -> Math.pow(a, b);
      default -> throw new IllegalArgumentException(operator);
    };
  }

  private static Object power(long base, long exponent) {
    if (exponent < 0) {
      return Math.pow((double) base, (double) exponent);
    }
    long power = 1;
    for (long i = 0; i < exponent; i++) {
      power = Math.multiplyExact(power, base);
      if (i > 64 && (base == 1 || base == -1 || base == 0)) {
        return base == -1 && exponent % 2 == 1 ? -1L : base * base;
      }
    }
    return power;
  }

  private static Object joined(Object a, Object b) {
    if (a instanceof String left && b instanceof String right) {
      return left + right;
    }
    if (a instanceof List<?> left
        && b instanceof List<?> right
        && (a instanceof Tuple) == (b instanceof Tuple)) {
      List<Object> all = new ArrayList<>(left);
      all.addAll(right);
      return a instanceof Tuple ? new Tuple(all) : all;
    }
    throw Values.unsupported("+", a, b);
  }

  private static Object repeated(Object a, Object b) {
    boolean countFirst = a instanceof Long || a instanceof Boolean;
    Object value = countFirst ? b : a;
    Object count = countFirst ? a : b;
    if (!(count instanceof Long || count instanceof Boolean)
        || !(value instanceof String || value instanceof List<?>)) {
      throw Values.unsupported("*", a, b);
    }
    long times = Math.max(0, Values.whole(count));
    if (times * Math.max(1, Values.length(value)) > MAX_REPEATED || times > MAX_REPEATED) {
      throw TemplateFailure.of("a repetition is longer than " + MAX_REPEATED);
    }
    if (value instanceof String text) {
      return text.repeat((int) times);
    }
    List<Object> all = new ArrayList<>();
    for (long i = 0; i < times; i++) {
      all.addAll((List<?>) value);
    }
    return value instanceof Tuple ? new Tuple(all) : all;
  }
}
