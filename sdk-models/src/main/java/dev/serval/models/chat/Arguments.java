package dev.serval.models.chat;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a function, filter, test or method is called with.
 *
 * @param callee what is called, for messages
 * @param positional the arguments by position
 * @param named those by name
 */
record Arguments(String callee, List<Object> positional, Map<String, Object> named) {
  static Arguments none(String callee) {
    return new Arguments(callee, List.of(), Map.of());
  }

  /** Refuses arguments beyond these parameters, given by position or by name. */
  Arguments only(String... parameters) {
    if (positional.size() > parameters.length) {
      throw TemplateFailure.of(
          "%s takes at most %d arguments, not %d"
              .formatted(callee, parameters.length, positional.size()));
    }
    Set<String> known = Set.of(parameters);
    for (String name : named.keySet()) {
      if (!known.contains(name)) {
        throw TemplateFailure.of("%s has no argument '%s'".formatted(callee, name));
      }
    }
    return this;
  }

  /** An argument that has to be there. */
  Object required(int position, String name) {
    Object value = find(position, name);
    if (value == null) {
      throw TemplateFailure.of("%s lacks its argument '%s'".formatted(callee, name));
    }
    return value;
  }

  /** An argument, or what stands for it. */
  Object optional(int position, String name, Object otherwise) {
    Object value = find(position, name);
    return value == null ? otherwise : value;
  }

  String text(int position, String name) {
    return Values.text(required(position, name), callee);
  }

  int integer(int position, String name, int otherwise) {
    long value = Values.integer(optional(position, name, (long) otherwise), callee);
    if (value != (int) value) {
      throw TemplateFailure.of("%s takes no '%s' of %d".formatted(callee, name, value));
    }
    return (int) value;
  }

  boolean flag(int position, String name, boolean otherwise) {
    return Values.truth(optional(position, name, otherwise));
  }

  /** What is left for the callee that the first argument names. */
  Arguments rest(String next) {
    return new Arguments(next, positional.subList(1, positional.size()), named);
  }

  private @Nullable Object find(int position, String name) {
    return position < positional.size() ? positional.get(position) : named.get(name);
  }
}
