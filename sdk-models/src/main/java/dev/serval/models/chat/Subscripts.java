package dev.serval.models.chat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Attributes, items and slices. */
final class Subscripts {
  private Subscripts() {}

  /** {@code of.name}: an attribute, else the item of that name. */
  static Object attribute(Object of, String name) {
    return switch (of) {
      case Undefined undefined -> throw undefined.failure();
      case Namespace namespace -> namespace.attribute(name);
      case LoopState loop -> loop.attribute(name);
      case Map<?, ?> map when map.containsKey(name) -> present(map, name);
      default -> {
        if (Methods.known(of, name)) {
          throw TemplateFailure.of(
              "the method '%s' of a %s can only be called".formatted(name, Values.kind(of)));
        }
        yield Undefined.attribute(of, name);
      }
    };
  }

  /** {@code of[index]}: an item, else the attribute of that name. */
  static Object item(Object of, Object index) {
    if (of instanceof Map<?, ?> map && map.containsKey(key(index))) {
      return present(map, index);
    }
    if (index instanceof Long || index instanceof Boolean) {
      return at(of, Values.whole(index));
    }
    if (index instanceof String name) {
      return attribute(of, name);
    }
    if (of instanceof Undefined undefined) {
      throw undefined.failure();
    }
    return Undefined.attribute(of, "item " + Values.kind(index));
  }

  /** A value as a key of a dict. */
  static Object key(Object value) {
    if (value instanceof Map<?, ?> || (value instanceof List<?> && !(value instanceof Tuple))) {
      throw TemplateFailure.of("a " + Values.kind(value) + " cannot be a key");
    }
    return value;
  }

  /** {@code of[from:to:step]}. */
  static Object slice(Object of, Object from, Object to, Object step) {
    boolean text = of instanceof String;
    if (of instanceof Undefined undefined) {
      throw undefined.failure();
    }
    if (!text && !(of instanceof List<?>)) {
      throw TemplateFailure.of("a " + Values.kind(of) + " cannot be sliced");
    }
    List<Object> items = Values.items(of);
    long by = step == None.NONE ? 1 : Values.integer(step, "a slice");
    if (by == 0) {
      throw TemplateFailure.of("the step of a slice is not 0");
    }
    int size = items.size();
    long first = bound(from, size, by > 0 ? 0 : size - 1, by);
    long last = bound(to, size, by > 0 ? size : -1, by);
    List<Object> slice = new ArrayList<>();
    for (long i = first; by > 0 ? i < last : i > last; i += by) {
      slice.add(items.get((int) i));
    }
    if (text) {
      return String.join("", slice.stream().map(Values::print).toList());
    }
    return of instanceof Tuple ? new Tuple(slice) : slice;
  }

  private static Object present(Map<?, ?> map, Object key) {
    return Objects.requireNonNull(map.get(key));
  }

  private static long bound(Object bound, int size, long otherwise, long step) {
    if (bound == None.NONE) {
      return otherwise;
    }
    long index = Values.integer(bound, "a slice");
    long absolute = index < 0 ? index + size : index;
    return step > 0 ? Math.clamp(absolute, 0, size) : Math.clamp(absolute, -1, size - 1);
  }

  private static Object at(Object of, long index) {
    if (of instanceof Undefined undefined) {
      throw undefined.failure();
    }
    if (of instanceof String text) {
      return character(text, index);
    }
    if (of instanceof List<?> list) {
      long absolute = index < 0 ? index + list.size() : index;
      return absolute >= 0 && absolute < list.size()
          ? list.get((int) absolute)
          : Undefined.attribute(of, "item " + index);
    }
    return Undefined.attribute(of, "item " + index);
  }

  private static Object character(String text, long index) {
    long absolute = index < 0 ? index + Values.length(text) : index;
    if (absolute < 0 || absolute >= Values.length(text)) {
      return Undefined.attribute(text, "item " + index);
    }
    int at = text.offsetByCodePoints(0, (int) absolute);
    return Character.toString(text.codePointAt(at));
  }
}
