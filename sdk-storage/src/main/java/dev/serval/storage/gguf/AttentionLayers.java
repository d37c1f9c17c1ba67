package dev.serval.storage.gguf;

import java.util.Collections;
import java.util.List;

/**
 * Which layers of a model attend: those that have heads of keys and values. A file says for each
 * layer how many it has, or one number for all.
 *
 * @param heads how many those have that have any
 * @param attends whether each layer does
 */
record AttentionLayers(long heads, List<Boolean> attends) {
  private static final String HEADS = "attention.head_count_kv";

  /** Those of a model of so many layers. */
  static AttentionLayers read(Metadata metadata, Architecture architecture, long layers) {
    String key = architecture.key() + "." + HEADS;
    int count = Math.toIntExact(layers);
    if (!metadata.isArray(key)) {
      return new AttentionLayers(
          metadata.requirePositive(key), Collections.nCopies(count, Boolean.TRUE));
    }
    List<Long> counts = metadata.naturals(key, count, "layers");
    return new AttentionLayers(
        onlyCount(metadata, key, counts), counts.stream().map(heads -> heads > 0).toList());
  }

  private static long onlyCount(Metadata metadata, String key, List<Long> counts) {
    List<Long> some = counts.stream().filter(heads -> heads > 0).distinct().limit(2).toList();
    if (some.isEmpty()) {
      throw metadata.problem(key, "is 0 for every layer; one at least must attend");
    }
    if (some.size() > 1) {
      throw metadata.problem(
          key,
          "has %d and %d; all layers that attend must have as many"
              .formatted(some.getFirst(), some.getLast()));
    }
    return some.getFirst();
  }

  /** What each layer is called, by whether it attends. */
  List<String> types(String attending, String other) {
    return attends.stream().map(one -> one ? attending : other).toList();
  }
}
