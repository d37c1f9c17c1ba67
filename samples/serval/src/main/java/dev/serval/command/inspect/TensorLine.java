package dev.serval.command.inspect;

import dev.serval.api.Bytes;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.StoredTensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

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
  private static final Pattern EXPERT = Pattern.compile("(\\.experts\\.)\\d+");

  static TensorLine of(Checkpoint checkpoint, String name) {
    try {
      StoredTensor tensor = checkpoint.tensor(name);
      return new TensorLine(
          name, tensor.dtype().name(), tensor.shape(), tensor.elements(), tensor.byteSize());
    } catch (CheckpointException e) {
      return new TensorLine(name, "not computed with: " + e.getMessage(), List.of(), 0, 0);
    }
  }

  /** Lines for a person: of experts that have the same tensor one for all. */
  static Stream<TensorLine> together(List<TensorLine> tensors) {
    Map<List<Object>, List<TensorLine>> alike =
        tensors.stream()
            .collect(
                Collectors.groupingBy(
                    TensorLine::ofAnyExpert, LinkedHashMap::new, Collectors.toList()));
    return alike.values().stream().map(TensorLine::joined);
  }

  private List<Object> ofAnyExpert() {
    return List.of(EXPERT.matcher(name).replaceAll("$1*"), type, shape);
  }

  private static TensorLine joined(List<TensorLine> alike) {
    TensorLine first = alike.getFirst();
    if (alike.size() == 1) {
      return first;
    }
    List<Long> shape = new ArrayList<>(first.shape);
    shape.addFirst((long) alike.size());
    return new TensorLine(
        EXPERT.matcher(first.name).replaceAll("$1*"),
        first.type,
        shape,
        first.elements * alike.size(),
        first.bytes * alike.size());
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
