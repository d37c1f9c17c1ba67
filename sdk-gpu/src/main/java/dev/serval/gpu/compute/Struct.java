package dev.serval.gpu.compute;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A structure of {@code abi.h}: where its fields lie, by the rules of C on every 64-bit machine
 * that has an NVIDIA GPU.
 *
 * @param name as in the header
 * @param offsets of its fields in order, in bytes
 * @param size in bytes
 */
record Struct(String name, Map<String, Long> offsets, long size) {
  /**
   * Where a field lies.
   *
   * @param field its name in the header
   */
  long offset(String field) {
    Long offset = offsets.get(field);
    if (offset == null) {
      throw new IllegalArgumentException(
          "%s has no field '%s', but %s".formatted(name, field, offsets.keySet()));
    }
    return offset;
  }

  static Builder named(String name) {
    return new Builder(name);
  }

  /** Lays out one field after the other. */
  static final class Builder {
    private final String name;
    private final Map<String, Long> offsets = new LinkedHashMap<>();
    private final List<Long> sizes = new ArrayList<>();
    private long end;

    private Builder(String name) {
      this.name = name;
    }

    /** Pointers, 64-bit integers or doubles. */
    Builder wide(String... fields) {
      return add(Long.BYTES, fields);
    }

    /** 32-bit integers or floats. */
    Builder narrow(String... fields) {
      return add(Integer.BYTES, fields);
    }

    /** So many pointers, 64-bit integers or doubles. */
    Builder array(String field, int count) {
      add(Long.BYTES, field);
      end += (count - 1L) * Long.BYTES;
      return this;
    }

    private Builder add(long size, String... fields) {
      for (String field : fields) {
        end = Math.ceilDiv(end, size) * size;
        offsets.put(field, end);
        sizes.add(size);
        end += size;
      }
      return this;
    }

    Struct build() {
      long alignment = sizes.stream().mapToLong(Long::longValue).max().orElse(1);
      return new Struct(name, offsets, Math.ceilDiv(end, alignment) * alignment);
    }
  }
}
