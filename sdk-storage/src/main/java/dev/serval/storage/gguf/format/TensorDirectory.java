package dev.serval.storage.gguf.format;

import dev.serval.storage.text.Quoted;
import java.util.LinkedHashMap;
import java.util.SequencedMap;

/**
 * Where the tensors lie: one after the other in the order of their entries, each at the next
 * multiple of the alignment, the last one ending with the file but for padding.
 */
final class TensorDirectory {
  private TensorDirectory() {}

  /** Takes the entries; by name. */
  static SequencedMap<String, TensorEntry> read(GgufCursor cursor, long count) {
    if (count > cursor.remaining() / TensorEntry.LEAST_BYTES) {
      throw cursor.problem(
          "it says that it has %d tensors; the %d bytes that follow have room for %d"
              .formatted(count, cursor.remaining(), cursor.remaining() / TensorEntry.LEAST_BYTES));
    }
    SequencedMap<String, TensorEntry> tensors = new LinkedHashMap<>();
    for (long i = 0; i < count; i++) {
      TensorEntry tensor = TensorEntry.read(cursor, i);
      if (tensors.putIfAbsent(tensor.name(), tensor) != null) {
        throw cursor.problem("tensor " + Quoted.of(tensor.name()) + " is there twice");
      }
    }
    return tensors;
  }

  /** Checks that the entries fit the file; the cursor stands behind the last of them. */
  static void requireFit(
      GgufCursor cursor, SequencedMap<String, TensorEntry> tensors, long begin, long alignment) {
    long room = cursor.at() + cursor.remaining() - begin;
    long end = 0;
    for (TensorEntry tensor : tensors.values()) {
      long expected = padded(end, alignment);
      if (tensor.offset() != expected) {
        throw cursor.problem(misplaced(tensor, expected, alignment));
      }
      if (tensor.bytes() > room - expected) {
        throw cursor.problem(
            "tensor %s takes %d bytes from offset %d on; there are %d in all"
                .formatted(Quoted.of(tensor.name()), tensor.bytes(), expected, Math.max(0, room)));
      }
      end = expected + tensor.bytes();
    }
    if (room > padded(end, alignment)) {
      throw cursor.problem(
          "it has %d bytes after its last tensor; it must end with it, padded to multiples of %d"
              .formatted(room - end, alignment));
    }
  }

  private static String misplaced(TensorEntry tensor, long expected, long alignment) {
    String problem =
        tensor.offset() % alignment != 0
            ? "is no multiple of the alignment " + alignment
            : tensor.offset() < expected
                ? "lies within or before another tensor"
                : "leaves a gap or is out of order";
    return "tensor %s has the offset %d, which %s: tensors follow each other, and it is to be at %d"
        .formatted(Quoted.of(tensor.name()), tensor.offset(), problem, expected);
  }

  static long padded(long offset, long alignment) {
    return Math.ceilDiv(offset, alignment) * alignment;
  }
}
