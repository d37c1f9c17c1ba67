package dev.serval.storage.gguf.format;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A value as it lies in the file: a scalar, a string, or an array of either.
 *
 * @param type its type
 * @param element the type of an array's elements; the type itself otherwise
 * @param count how many elements an array has; 1 otherwise
 * @param data its bytes; the strings of an array each follow their length
 */
record MetadataValue(ValueType type, ValueType element, long count, MemorySegment data) {
  private static final long LEAST_STRING = Long.BYTES;

  /** Takes a value with its type. */
  static MetadataValue read(GgufCursor cursor, String place) {
    ValueType type = ValueType.read(cursor, place);
    return switch (type) {
      case ARRAY -> array(cursor, place);
      case STRING -> new MetadataValue(type, type, 1, cursor.text(place));
      default -> new MetadataValue(type, type, 1, cursor.bytes(type.bytes(), place));
    };
  }

  private static MetadataValue array(GgufCursor cursor, String place) {
    String elements = "an element of " + place;
    ValueType element = ValueType.read(cursor, elements);
    if (element == ValueType.ARRAY) {
      throw cursor.problem(place + " is an array of arrays; arrays may hold scalars and strings");
    }
    long least = Math.max(element.bytes(), element == ValueType.STRING ? LEAST_STRING : 1);
    long count = cursor.count("the count of " + place, least);
    long from = cursor.at();
    return new MetadataValue(
        ValueType.ARRAY, element, count, elements(cursor, element, count, elements, from));
  }

  private static MemorySegment elements(
      GgufCursor cursor, ValueType element, long count, String what, long from) {
    if (element != ValueType.STRING) {
      return cursor.bytes(count * element.bytes(), what);
    }
    for (long i = 0; i < count; i++) {
      cursor.text(what);
    }
    return cursor.since(from);
  }

  /** The type in words. */
  String kind() {
    return type == ValueType.ARRAY ? "ARRAY of " + count + " " + element : type.toString();
  }

  /** An integer: a scalar's at byte 0, an array's at a multiple of its size. */
  long integer(long at) {
    return switch (element) {
      case UINT8 -> Byte.toUnsignedLong(data.get(ValueLayout.JAVA_BYTE, at));
      case INT8 -> data.get(ValueLayout.JAVA_BYTE, at);
      case UINT16 -> Short.toUnsignedLong(data.get(GgufCursor.SHORT, at));
      case INT16 -> data.get(GgufCursor.SHORT, at);
      case UINT32 -> Integer.toUnsignedLong(data.get(GgufCursor.INT, at));
      case INT32 -> data.get(GgufCursor.INT, at);
      case UINT64, INT64 -> data.get(GgufCursor.LONG, at);
      default -> throw new IllegalStateException(kind() + " has no integer");
    };
  }

  /** A number with a fraction. */
  double real(long at) {
    return element == ValueType.FLOAT32
        ? Float.intBitsToFloat(data.get(GgufCursor.INT, at))
        : Double.longBitsToDouble(data.get(GgufCursor.LONG, at));
  }
}
