package dev.serval.storage.safetensors.format;

import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.StoredTensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * A tensor as a file has it, of whatever type.
 *
 * @param file where it is
 * @param entry what the file's header says of it
 * @param name what it is called in the model
 */
public record RawTensor(SafetensorsFile file, TensorEntry entry, String name) {
  /** As it is; refused if Serval does not compute with its type. */
  public StoredTensor stored() {
    return file.tensor(entry, name);
  }

  public ElementType type() {
    return entry.type();
  }

  public List<Long> shape() {
    return entry.shape();
  }

  public MemorySegment data() {
    return file.data(entry);
  }

  /** This one, which must be of a type and a shape. */
  public RawTensor require(ElementType type, List<Long> shape) {
    if (type() != type) {
      throw problem("is of type %s; it must be of %s", type(), type);
    }
    return requireShape(shape);
  }

  public RawTensor requireShape(List<Long> shape) {
    if (!shape.equals(shape())) {
      throw problem("has shape %s; it must be %s", shape(), shape);
    }
    return this;
  }

  /** This one, which must have so many dimensions, of at least 1 each. */
  public RawTensor requireDimensions(int count) {
    if (shape().size() != count
        || shape().stream().anyMatch(length -> length < 1 || length > Integer.MAX_VALUE)) {
      throw problem(
          "has shape %s; it must have %d dimensions from 1 to %d",
          shape(), count, Integer.MAX_VALUE);
    }
    return this;
  }

  /** Whether all of its bytes are 0. */
  public boolean isZero() {
    MemorySegment data = data();
    for (long i = 0; i < data.byteSize(); i++) {
      if (data.get(ValueLayout.JAVA_BYTE, i) != 0) {
        return false;
      }
    }
    return true;
  }

  /** It is there, and another that belongs to it is not. */
  public CheckpointException without(String other) {
    return problem("is there without '%s', which belongs to it", other);
  }

  public CheckpointException problem(String sentence, Object... values) {
    return entry.problem(file.file().toString(), sentence, values);
  }
}
