package dev.serval.models.chat;

import java.util.List;

/**
 * What filters give that Python evaluates lazily, and what a dict's keys are: it can be looped over
 * and made a list, and hardly anything else. A lazy one is true whatever it holds, has no length,
 * and is empty after the first time.
 */
final class Iterated {
  private final boolean lazy;
  private List<Object> items;

  private Iterated(List<Object> items, boolean lazy) {
    this.items = items;
    this.lazy = lazy;
  }

  /** As a generator of Python's. */
  static Iterated lazy(List<Object> items) {
    return new Iterated(items, true);
  }

  /** As a view of a dict. */
  static Iterated view(List<Object> items) {
    return new Iterated(items, false);
  }

  List<Object> take() {
    List<Object> taken = items;
    if (lazy) {
      items = List.of();
    }
    return taken;
  }

  boolean truth() {
    return lazy || !items.isEmpty();
  }

  long length() {
    if (lazy) {
      throw TemplateFailure.of("a generator has no length; make it a list");
    }
    return items.size();
  }
}
