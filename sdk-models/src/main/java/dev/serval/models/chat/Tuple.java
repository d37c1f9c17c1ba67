package dev.serval.models.chat;

import java.util.AbstractList;
import java.util.List;

/** A list that prints and compares as Python's tuples do. */
final class Tuple extends AbstractList<Object> {
  private final List<Object> items;

  Tuple(List<?> items) {
    this.items = List.copyOf(items);
  }

  @Override
  public Object get(int index) {
    return items.get(index);
  }

  @Override
  public int size() {
    return items.size();
  }
}
