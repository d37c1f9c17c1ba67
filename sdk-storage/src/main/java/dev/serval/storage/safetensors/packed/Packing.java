package dev.serval.storage.safetensors.packed;

import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.safetensors.format.RawTensor;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * How a folder packs tensors, and how its model has them, and is described, without that.
 *
 * @param steps what is unpacked, one after the other
 * @param fields those of the configuration that say so
 */
public record Packing(List<Unpacking> steps, List<String> fields) {
  /** As a configuration says. */
  public static Packing of(String place, Map<String, Object> config) {
    List<Unpacking> quantized = Quantization.of(place, config).stream().toList();
    boolean said = !quantized.isEmpty() || ExpertStacks.stores(config);
    return new Packing(
        Stream.concat(quantized.stream(), ExpertStacks.of(config).stream()).toList(),
        said ? List.of(Quantization.FIELD) : List.of());
  }

  /** The configuration of what is unpacked. */
  public Map<String, Object> unpacked(Map<String, Object> config) {
    Map<String, Object> left = new LinkedHashMap<>(config);
    left.keySet().removeAll(fields);
    return Collections.unmodifiableMap(left);
  }

  /** The tensors by name. */
  public SortedMap<String, Supplier<StoredTensor>> unpacked(
      Path path, SortedMap<String, RawTensor> stored) {
    SortedMap<String, RawTensor> raw = new TreeMap<>(stored);
    Map<String, Supplier<StoredTensor>> made = new TreeMap<>();
    steps.forEach(step -> step.unpack(raw, made));
    SortedMap<String, Supplier<StoredTensor>> all = new TreeMap<>(made);
    raw.forEach((name, tensor) -> {
      if (all.put(name, tensor::stored) != null) {
        throw new CheckpointException(
            "%s has the tensor '%s' packed and as it is".formatted(path, name));
      }
    });
    return all;
  }
}
