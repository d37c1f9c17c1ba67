package dev.serval.storage.gguf.architecture;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The fields of a {@code config.json} while they are collected, in their order. */
public final class Fields {
  private final Map<String, Object> values = new LinkedHashMap<>();

  public Fields put(String field, Object value) {
    values.put(field, value);
    return this;
  }

  public void putIfAbsent(String field, Object value) {
    values.putIfAbsent(field, value);
  }

  public void remove(String field) {
    values.remove(field);
  }

  /** Says by whose names the model goes, whatever was said before. */
  public Fields called(String model, String modelType) {
    return put("architectures", List.of(model)).put("model_type", modelType);
  }

  /** All of them, unmodifiable. */
  public Map<String, Object> asMap() {
    return Collections.unmodifiableMap(values);
  }
}
