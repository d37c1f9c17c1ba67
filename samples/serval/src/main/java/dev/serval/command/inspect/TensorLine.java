package dev.serval.command.inspect;

import dev.serval.api.Bytes;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.StoredTensor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A tensor of a checkpoint.
 *
 * @param name its name in the checkpoint
 * @param type how its elements are stored, or why it cannot be computed with
 * @param shape its dimensions, outermost first; none if it cannot be computed with
 * @param elements how many elements it has
 * @param bytes how many bytes it takes
 */
record TensorLine(String name, String type, List<Long> shape, long elements, long bytes) {
  static TensorLine of(Checkpoint checkpoint, String name) {
    try {
      StoredTensor tensor = checkpoint.tensor(name);
      return new TensorLine(
          name, tensor.dtype().name(), tensor.shape(), tensor.elements(), tensor.data().byteSize());
    } catch (CheckpointException e) {
      return new TensorLine(name, "not computed with: " + e.getMessage(), List.of(), 0, 0);
    }
  }

  Map<String, Object> fields() {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("name", name);
    fields.put("type", type);
    fields.put("shape", shape);
    fields.put("bytes", bytes);
    return fields;
  }

  String[] cells() {
    return shape.isEmpty()
        ? new String[] {name, type, "", ""}
        : new String[] {name, type, shape.toString(), Bytes.of(bytes).toString()};
  }
}
