package dev.serval.models.chat;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Jinja's tests: what may follow {@code is}. */
final class Tests {
  /** A test. */
  @FunctionalInterface
  interface Test {
    boolean test(Object value, Arguments arguments);
  }

  private static final Map<String, Test> TABLE = table();

  private Tests() {}

  /** Refuses a test that is not there. */
  static void require(String name) {
    if (!TABLE.containsKey(name)) {
      throw TemplateFailure.of(
          "the test '%s' is not supported; there are %s"
              .formatted(name, String.join(", ", TABLE.keySet())));
    }
  }

  static Test named(String name) {
    require(name);
    return TABLE.getOrDefault(name, (value, arguments) -> false);
  }

  private static Map<String, Test> table() {
    Map<String, Test> table = new TreeMap<>();
    kinds(table);
    comparisons(table);
    table.put("odd", (value, arguments) -> leaves(value, 2L, 1));
    table.put("even", (value, arguments) -> leaves(value, 2L, 0));
    table.put("divisibleby", (value, arguments) -> leaves(value, arguments.required(0, "num"), 0));
    table.put("lower", (value, arguments) -> Values.truth(cased(value, "islower")));
    table.put("upper", (value, arguments) -> Values.truth(cased(value, "isupper")));
    return Collections.unmodifiableMap(table);
  }

  private static void kinds(Map<String, Test> table) {
    table.put("defined", (value, arguments) -> !(value instanceof Undefined));
    table.put("undefined", (value, arguments) -> value instanceof Undefined);
    table.put("none", (value, arguments) -> value == None.NONE);
    table.put("boolean", (value, arguments) -> value instanceof Boolean);
    table.put("true", (value, arguments) -> value.equals(true));
    table.put("false", (value, arguments) -> value.equals(false));
    table.put("integer", (value, arguments) -> value instanceof Long);
    table.put("float", (value, arguments) -> value instanceof Double);
    table.put("number", (value, arguments) -> Values.numeric(value));
    table.put("string", (value, arguments) -> value instanceof String);
    table.put("mapping", (value, arguments) -> value instanceof Map<?, ?>);
    table.put("sequence", (value, arguments) -> iterable(value) && !(value instanceof Iterated));
    table.put("iterable", (value, arguments) -> iterable(value));
    table.put("callable", (value, arguments) -> value instanceof Callable);
  }

  private static void comparisons(Map<String, Test> table) {
    for (List<String> operator :
        List.of(
            List.of("==", "eq", "equalto"),
            List.of("!=", "ne"),
            List.of("<", "lt", "lessthan"),
            List.of("<=", "le"),
            List.of(">", "gt", "greaterthan"),
            List.of(">=", "ge"),
            List.of("in"))) {
      for (String name : operator) {
        table.put(
            name,
            (value, arguments) ->
                Operators.compare(
                    operator.getFirst(), value, arguments.only("other").required(0, "other")));
      }
    }
    table.put("sameas", (value, arguments) -> same(value, arguments.required(0, "other")));
  }

  private static boolean iterable(Object value) {
    return value instanceof String
        || value instanceof List<?>
        || value instanceof Map<?, ?>
        || value instanceof Iterated
        || value instanceof Undefined;
  }

  /** Whether two values are one: those without an identity of their own are, if they are equal. */
  private static boolean same(Object value, Object other) {
    if (value instanceof List<?> || value instanceof Map<?, ?>) {
      throw TemplateFailure.of("'sameas' does not compare a " + Values.kind(value));
    }
    return Values.kind(value).equals(Values.kind(other)) && Values.equal(value, other);
  }

  private static boolean leaves(Object value, Object divisor, long remainder) {
    return Values.equal(Operators.apply("%", value, divisor), remainder);
  }

  private static Object cased(Object value, String method) {
    return Methods.call(Values.print(value), Arguments.none(method));
  }
}
