package dev.serval.storage;

import dev.serval.api.storage.StoredTensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** A model whose every tensor lies in a shard of its own. */
public final class ShardedModel {
  private ShardedModel() {}

  /** The name of a shard. */
  public static String shard(int index, int count) {
    return "model-%05d-of-%05d.safetensors".formatted(index + 1, count);
  }

  /** Writes index and shards. */
  public static Path write(Path folder, List<StoredTensor> tensors) throws IOException {
    int count = tensors.size();
    for (int i = 0; i < count; i++) {
      Files.write(folder.resolve(shard(i, count)), SafetensorsWriter.file(List.of(tensors.get(i))));
    }
    index(
        folder,
        IntStream.range(0, count)
            .boxed()
            .collect(Collectors.toMap(i -> tensors.get(i).name(), i -> shard(i, count))));
    return folder;
  }

  /** Writes an index. */
  public static void index(Path folder, Map<String, String> shardOf) throws IOException {
    String map =
        shardOf.entrySet().stream()
            .sorted(Map.Entry.comparingByKey())
            .map(entry -> "\"%s\": \"%s\"".formatted(entry.getKey(), entry.getValue()))
            .collect(Collectors.joining(", "));
    Files.writeString(
        folder.resolve("model.safetensors.index.json"),
        "{\"metadata\": {\"total_size\": 1e3}, \"weight_map\": {%s}}".formatted(map));
  }
}
