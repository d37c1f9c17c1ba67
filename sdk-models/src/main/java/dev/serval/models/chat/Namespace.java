package dev.serval.models.chat;

import java.util.LinkedHashMap;
import java.util.Map;

/** What {@code namespace(...)} gives: attributes that can be set from within a loop. */
final class Namespace {
  private final Map<String, Object> attributes = new LinkedHashMap<>();

  Object attribute(String name) {
    Object value = attributes.get(name);
    return value == null ? Undefined.attribute(this, name) : value;
  }

  void set(String name, Object value) {
    attributes.put(name, value);
  }
}
