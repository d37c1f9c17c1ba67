package dev.serval.models.chat;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The functions that every template can call: Jinja's own, and those of Hugging Face. */
final class Functions {
  private static final int MAX_RANGE = 100_000;

  static final Map<String, Callable> TABLE = table();

  private Functions() {}

  private static Map<String, Callable> table() {
    Map<String, Callable> table = new TreeMap<>();
    table.put("namespace", (arguments, scope) -> namespace(arguments));
    table.put("dict", (arguments, scope) -> dict(arguments));
    table.put("range", (arguments, scope) -> range(arguments, scope));
    table.put("raise_exception", (arguments, scope) -> raise(arguments));
    table.put(
        "strftime_now",
        (arguments, scope) ->
            TimeFormat.format(arguments.only("format").text(0, "format"), scope.now()));
    return java.util.Collections.unmodifiableMap(table);
  }

  private static Object namespace(Arguments arguments) {
    Namespace namespace = new Namespace();
    for (Object map : arguments.positional()) {
      dict(map).forEach((name, value) -> namespace.set(Values.text(name, "namespace"), value));
    }
    arguments.named().forEach(namespace::set);
    return namespace;
  }

  private static Object dict(Arguments arguments) {
    Map<Object, Object> map = new LinkedHashMap<>();
    arguments.positional().forEach(each -> map.putAll(dict(each)));
    map.putAll(arguments.named());
    return map;
  }

  private static Map<?, ?> dict(Object value) {
    if (value instanceof Map<?, ?> map) {
      return map;
    }
    throw TemplateFailure.of("a dict is made of a dict, not of a " + Values.kind(value));
  }

  private static Object range(Arguments arguments, Scope scope) {
    arguments.only("start", "stop", "step");
    boolean fromZero = arguments.positional().size() == 1;
    int from = fromZero ? 0 : arguments.integer(0, "start", 0);
    int to = fromZero ? arguments.integer(0, "stop", 0) : arguments.integer(1, "stop", 0);
    int step = arguments.integer(2, "step", 1);
    if (step == 0) {
      throw TemplateFailure.of("the step of a range is not 0");
    }
    List<Object> range = new ArrayList<>();
    for (long i = from; step > 0 ? i < to : i > to; i += step) {
      if (range.size() == MAX_RANGE) {
        throw TemplateFailure.of("a range is longer than " + MAX_RANGE);
      }
      range.add(i);
    }
    scope.spend(range.size());
    return range;
  }

  private static Object raise(Arguments arguments) {
    throw TemplateFailure.refusal(Values.print(arguments.only("message").required(0, "message")));
  }
}
