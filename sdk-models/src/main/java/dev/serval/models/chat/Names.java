package dev.serval.models.chat;

import java.util.LinkedHashSet;
import java.util.Set;
import java.util.TreeSet;

/**
 * The names that a template uses, so that a call of a function that is nowhere is found when the
 * template is read.
 */
final class Names {
  private static final Set<String> UNSUPPORTED =
      Set.of("caller", "varargs", "kwargs", "self", "super", "cycler", "joiner", "lipsum");

  private final Set<String> called = new LinkedHashSet<>();
  private final Set<String> used = new LinkedHashSet<>();
  private final Set<String> defined = new LinkedHashSet<>();
  private final Set<String> asked = new LinkedHashSet<>();

  void called(String name) {
    called.add(name);
  }

  void used(String name) {
    used.add(name);
  }

  void defined(String name) {
    defined.add(name);
  }

  /** Notes that the template asks whether there is such a variable. */
  void asked(String name) {
    asked.add(name);
  }

  /** Those that may be given from outside. */
  Set<String> open() {
    Set<String> open = new TreeSet<>(used);
    open.removeAll(defined);
    open.addAll(asked);
    open.removeAll(Functions.TABLE.keySet());
    return open;
  }

  /** Refuses what neither the template nor Serval defines. */
  void check() {
    for (String name : used) {
      if (UNSUPPORTED.contains(name) && !defined.contains(name)) {
        throw TemplateFailure.of("'" + name + "' is not supported");
      }
    }
    for (String name : called) {
      if (!defined.contains(name) && !Functions.TABLE.containsKey(name)) {
        throw TemplateFailure.of(
            "there is no function '%s'; there are %s"
                .formatted(name, String.join(", ", Functions.TABLE.keySet())));
      }
    }
  }
}
