package dev.serval.models.chat;

import dev.serval.models.chat.Filters.Filter;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Jinja's filters over sequences. */
final class ListFilters {
  private ListFilters() {}

  static void addTo(Map<String, Filter> table) {
    table.put("list", (value, arguments) -> new ArrayList<>(Values.items(value)));
    table.put("items", (value, arguments) -> pairs(value));
    table.put("first", (value, arguments) -> end(value, true));
    table.put("last", (value, arguments) -> end(value, false));
    table.put("reverse", (value, arguments) -> reversed(value));
    table.put("join", ListFilters::join);
    table.put("map", ListFilters::map);
    table.put("select", (value, arguments) -> select(value, arguments, true));
    table.put("reject", (value, arguments) -> select(value, arguments, false));
    table.put("selectattr", (value, arguments) -> selectAttribute(value, arguments, true));
    table.put("rejectattr", (value, arguments) -> selectAttribute(value, arguments, false));
    table.put("sort", ListFilters::sort);
    table.put("dictsort", ListFilters::sortDict);
    table.put("unique", ListFilters::unique);
    table.put("sum", ListFilters::sum);
    table.put("min", (value, arguments) -> extreme(value, arguments, -1));
    table.put("max", (value, arguments) -> extreme(value, arguments, 1));
  }

  /** An attribute, or an item, or one of one of one: {@code a.b.0}. */
  private static Object attribute(Object value, Object path) {
    if (!(path instanceof String text)) {
      return Subscripts.item(value, path);
    }
    Object found = value;
    for (Object part : Texts.split(text, ".", -1)) {
      String name = (String) part;
      boolean index = !name.isEmpty() && name.chars().allMatch(c -> c >= '0' && c <= '9');
      found = Subscripts.item(found, index ? (Object) Long.parseLong(name) : name);
    }
    return found;
  }

  private static Object pairs(Object value) {
    return switch (value) {
      case Map<?, ?> map -> Iterated.lazy(Methods.pairs(map));
      case Undefined undefined -> Iterated.lazy(List.of());
      default -> throw TemplateFailure.of("items takes a dict, not a " + Values.kind(value));
    };
  }

  private static Object end(Object value, boolean first) {
    List<Object> items = Values.items(value);
    if (!first && value instanceof Iterated) {
      throw TemplateFailure.of("a generator has no last item; make it a list");
    }
    if (items.isEmpty()) {
      return new Undefined("an empty sequence has no " + (first ? "first" : "last") + " item");
    }
    return first ? items.getFirst() : items.getLast();
  }

  private static Object reversed(Object value) {
    List<Object> items = new ArrayList<>(Values.items(value));
    Collections.reverse(items);
    return switch (value) {
      case String text -> String.join("", items.stream().map(Values::print).toList());
      case Iterated iterated -> items;
      default -> Iterated.lazy(items);
    };
  }

  private static Object join(Object value, Arguments arguments) {
    Object separator = arguments.only("d", "attribute").optional(0, "d", "");
    Object attribute = arguments.optional(1, "attribute", None.NONE);
    List<String> texts = new ArrayList<>();
    for (Object item : Values.items(value)) {
      texts.add(Values.print(attribute == None.NONE ? item : attribute(item, attribute)));
    }
    return String.join(Values.print(separator), texts);
  }

  private static Object map(Object value, Arguments arguments) {
    List<Object> mapped = new ArrayList<>();
    if (arguments.positional().isEmpty()) {
      Arguments byName = arguments.only("attribute", "default");
      Object attribute = byName.required(0, "attribute");
      for (Object item : items(value)) {
        Object found = attribute(item, attribute);
        mapped.add(found instanceof Undefined ? byName.optional(1, "default", found) : found);
      }
      return Iterated.lazy(mapped);
    }
    String name = arguments.text(0, "filter");
    Arguments rest = arguments.rest(name);
    for (Object item : items(value)) {
      mapped.add(Filters.named(name).apply(item, rest));
    }
    return Iterated.lazy(mapped);
  }

  /** What is false has no items here, whether it could be iterated or not. */
  private static List<Object> items(Object value) {
    return Values.truth(value) ? Values.items(value) : List.of();
  }

  private static Object select(Object value, Arguments arguments, boolean wanted) {
    List<Object> selected = new ArrayList<>();
    for (Object item : items(value)) {
      if (passes(item, arguments) == wanted) {
        selected.add(item);
      }
    }
    return Iterated.lazy(selected);
  }

  private static Object selectAttribute(Object value, Arguments arguments, boolean wanted) {
    Object attribute = arguments.required(0, "attribute");
    Arguments test = arguments.rest(arguments.callee());
    List<Object> selected = new ArrayList<>();
    for (Object item : items(value)) {
      if (passes(attribute(item, attribute), test) == wanted) {
        selected.add(item);
      }
    }
    return Iterated.lazy(selected);
  }

  /** By the test that the first argument names; by its truth if there is none. */
  private static boolean passes(Object item, Arguments arguments) {
    if (arguments.positional().isEmpty()) {
      return Values.truth(item);
    }
    String name = arguments.text(0, "test");
    return Tests.named(name).test(item, arguments.rest(name));
  }

  private static Object sort(Object value, Arguments arguments) {
    arguments.only("reverse", "case_sensitive", "attribute");
    Object attribute = arguments.optional(2, "attribute", None.NONE);
    boolean cased = arguments.flag(1, "case_sensitive", false);
    List<Object> sorted = new ArrayList<>(Values.items(value));
    Comparator<Object> order =
        (a, b) -> Values.compare(key(a, attribute, cased), key(b, attribute, cased), "<");
    sorted.sort(arguments.flag(0, "reverse", false) ? order.reversed() : order);
    return sorted;
  }

  private static Object sortDict(Object value, Arguments arguments) {
    arguments.only("case_sensitive", "by", "reverse");
    if (!(value instanceof Map<?, ?> map)) {
      throw TemplateFailure.of("dictsort takes a dict, not a " + Values.kind(value));
    }
    Object by = arguments.optional(1, "by", "key").equals("value") ? 1L : 0L;
    boolean cased = arguments.flag(0, "case_sensitive", false);
    List<Object> sorted = Methods.pairs(map);
    Comparator<Object> order = (a, b) -> Values.compare(key(a, by, cased), key(b, by, cased), "<");
    sorted.sort(arguments.flag(2, "reverse", false) ? order.reversed() : order);
    return sorted;
  }

  private static Object unique(Object value, Arguments arguments) {
    arguments.only("case_sensitive", "attribute");
    boolean cased = arguments.flag(0, "case_sensitive", false);
    Object attribute = arguments.optional(1, "attribute", None.NONE);
    Map<Object, Object> seen = new HashMap<>();
    List<Object> unique = new ArrayList<>();
    for (Object item : Values.items(value)) {
      if (seen.put(Subscripts.key(key(item, attribute, cased)), item) == null) {
        unique.add(item);
      }
    }
    return Iterated.lazy(unique);
  }

  private static Object sum(Object value, Arguments arguments) {
    Object attribute = arguments.only("attribute", "start").optional(0, "attribute", None.NONE);
    Object sum = arguments.optional(1, "start", 0L);
    for (Object item : Values.items(value)) {
      sum = Operators.apply("+", sum, attribute == None.NONE ? item : attribute(item, attribute));
    }
    return sum;
  }

  private static Object extreme(Object value, Arguments arguments, int sign) {
    arguments.only("case_sensitive", "attribute");
    boolean cased = arguments.flag(0, "case_sensitive", false);
    Object attribute = arguments.optional(1, "attribute", None.NONE);
    List<Object> items = Values.items(value);
    if (items.isEmpty()) {
      return new Undefined("an empty sequence has no least or largest item");
    }
    Object best = items.getFirst();
    for (Object item : items) {
      int order = Values.compare(key(item, attribute, cased), key(best, attribute, cased), "<");
      best = order * sign > 0 ? item : best;
    }
    return best;
  }

  /** What an item is sorted by; texts without regard to case, unless it matters. */
  private static Object key(Object item, Object attribute, boolean cased) {
    Object key = attribute == None.NONE ? item : attribute(item, attribute);
    return !cased && key instanceof String text ? Texts.lower(text) : key;
  }
}
