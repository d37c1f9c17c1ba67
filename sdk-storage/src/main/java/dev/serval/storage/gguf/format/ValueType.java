package dev.serval.storage.gguf.format;

import java.util.Arrays;

/** The types of metadata values, in the order of their numbers in the format. */
enum ValueType {
  UINT8(1),
  INT8(1),
  UINT16(2),
  INT16(2),
  UINT32(4),
  INT32(4),
  FLOAT32(4),
  BOOL(1),
  STRING(0),
  ARRAY(0),
  UINT64(8),
  INT64(8),
  FLOAT64(8);

  private final int bytes;

  ValueType(int bytes) {
    this.bytes = bytes;
  }

  /** Takes the number of a type. */
  static ValueType read(GgufCursor cursor, String place) {
    long number = cursor.uint32("the type of " + place);
    if (number >= values().length) {
      throw cursor.problem(
          "%s is of type %d; there are types 0 to %d: %s"
              .formatted(place, number, values().length - 1, Arrays.toString(values())));
    }
    return values()[(int) number];
  }

  /** The size of a value; 0 where it depends on the value. */
  int bytes() {
    return bytes;
  }

  boolean isInteger() {
    return switch (this) {
      case UINT8, INT8, UINT16, INT16, UINT32, INT32, UINT64, INT64 -> true;
      case FLOAT32, FLOAT64, BOOL, STRING, ARRAY -> false;
    };
  }
}
