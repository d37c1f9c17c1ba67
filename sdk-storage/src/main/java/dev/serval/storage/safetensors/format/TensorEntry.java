package dev.serval.storage.safetensors.format;

import dev.serval.api.storage.CheckpointException;
import dev.serval.storage.text.Quoted;
import java.util.List;

/**
 * What a header says of a tensor. The size that type and shape demand is the size of its data.
 *
 * @param name its name
 * @param type the type of its elements
 * @param shape its dimensions
 * @param begin where its data begins, from the end of the header
 * @param end where its data ends
 */
public record TensorEntry(String name, ElementType type, List<Long> shape, long begin, long end) {
  /** Where the data of a file is limited, and what the file is called. */
  TensorEntry requireWithin(String file, long dataBytes) {
    if (begin > end) {
      throw problem(file, "has data_offsets %s; the first may not be above the second", offsets());
    }
    if (end > dataBytes) {
      throw problem(
          file,
          "has data_offsets %s, past the end: after the header there are %d bytes",
          offsets(),
          dataBytes);
    }
    requireFit(file);
    return this;
  }

  private void requireFit(String file) {
    try {
      long bits = Math.multiplyExact(elements(), (long) type.bits());
      if (bits % Byte.SIZE != 0) {
        throw problem(file, "of type %s and shape %s does not fill whole bytes", type, shape);
      }
      if (bits / Byte.SIZE != end - begin) {
        throw problem(
            file,
            "of type %s and shape %s takes %d bytes; its data_offsets %s hold %d",
            type,
            shape,
            bits / Byte.SIZE,
            offsets(),
            end - begin);
      }
    } catch (ArithmeticException e) {
      throw problem(file, "has shape %s, which is beyond any memory", shape);
    }
  }

  private long elements() {
    return shape.stream().reduce(1L, Math::multiplyExact);
  }

  String offsets() {
    return List.of(begin, end).toString();
  }

  CheckpointException problem(String file, String sentence, Object... values) {
    return new CheckpointException(
        "%s: tensor %s %s".formatted(file, Quoted.of(name), sentence.formatted(values)));
  }
}
