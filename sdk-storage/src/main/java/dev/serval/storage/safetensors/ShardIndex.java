package dev.serval.storage.safetensors;

import dev.serval.api.Bytes;
import dev.serval.api.storage.CheckpointException;
import dev.serval.storage.checkpoint.MappedFile;
import dev.serval.storage.checkpoint.MappedFolder;
import dev.serval.storage.safetensors.format.SafetensorsFile;
import dev.serval.storage.text.JsonCursor;
import dev.serval.storage.text.Quoted;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The index of a sharded checkpoint: {@code weight_map} says for each tensor the file that it lies
 * in. What else it holds, such as the {@code metadata} with its often inexact total, is not looked
 * at.
 */
final class ShardIndex {
  private static final Bytes MOST_BYTES = Bytes.of(100_000_000);
  private static final int MOST_NAME_CHARS = 255;

  private final MappedFile index;
  private final SortedMap<String, Set<String>> tensorsOf = new TreeMap<>();

  private ShardIndex(MappedFile index) {
    this.index = index;
  }

  static ShardIndex read(MappedFile file) {
    ShardIndex index = new ShardIndex(file);
    JsonCursor.read(file.toString(), file.upTo(MOST_BYTES).bytes(), index::document);
    if (index.tensorsOf.isEmpty()) {
      throw new CheckpointException(
          file + " has no weight_map that says for each tensor which file it lies in");
    }
    return index;
  }

  private ShardIndex document(JsonCursor json) {
    json.object((name, value) -> {
      if (name.equals("weight_map")) {
        value.object(this::tensor);
      } else {
        value.skip();
      }
    });
    return this;
  }

  private void tensor(String tensor, JsonCursor value) {
    String shard = value.string();
    if (!isPlainName(shard)) {
      throw value.wrong("the name of a file in the same folder, without separators");
    }
    tensorsOf.computeIfAbsent(shard, s -> new TreeSet<>()).add(tensor);
  }

  private static boolean isPlainName(String name) {
    return !name.isBlank()
        && !name.equals(".")
        && !name.equals("..")
        && name.length() <= MOST_NAME_CHARS
        && name.chars().noneMatch(c -> "/\\:".indexOf(c) >= 0 || Character.isISOControl(c));
  }

  /** Reads the shards, in the order of their names, and checks that they hold what is listed. */
  List<SafetensorsFile> shards(MappedFolder folder) {
    List<String> missing =
        tensorsOf.keySet().stream().filter(shard -> !folder.contains(shard)).toList();
    if (!missing.isEmpty()) {
      throw folder.missing(missing.stream().map(Quoted::of).toList());
    }
    List<SafetensorsFile> shards = new ArrayList<>();
    tensorsOf.forEach((name, tensors) -> {
      SafetensorsFile shard = SafetensorsFile.read(folder.require(name));
      requireEqual(shard, tensors);
      shards.add(shard);
    });
    return shards;
  }

  private void requireEqual(SafetensorsFile shard, Set<String> listed) {
    for (String tensor : shard.tensors().keySet()) {
      if (!listed.contains(tensor)) {
        throw new CheckpointException(
            "%s: tensor %s is in this file, but %s %s"
                .formatted(shard.file(), Quoted.of(tensor), index, listing(tensor)));
      }
    }
    for (String tensor : listed) {
      if (!shard.tensors().containsKey(tensor)) {
        throw new CheckpointException(
            "%s: tensor %s is not in this file, but %s lists it there"
                .formatted(shard.file(), Quoted.of(tensor), index));
      }
    }
  }

  private String listing(String tensor) {
    return tensorsOf.entrySet().stream()
        .filter(shard -> shard.getValue().contains(tensor))
        .map(Map.Entry::getKey)
        .findFirst()
        .map(shard -> "lists it in " + Quoted.of(shard))
        .orElse("does not list it");
  }

  MappedFile file() {
    return index;
  }
}
