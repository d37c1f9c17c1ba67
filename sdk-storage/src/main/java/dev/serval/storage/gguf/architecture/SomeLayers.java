package dev.serval.storage.gguf.architecture;

import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Which layers of a model have something, as heads of keys and values or a feed-forward layer. A
 * file says for each layer how much of it there is, or one number for all.
 *
 * @param count how much those have that have any
 * @param have whether each layer has some
 */
public record SomeLayers(long count, List<Boolean> have) {
  /** How much each of so many layers has, as a list says or one number for all. */
  public static List<Long> numbers(ModelMetadata metadata, String name, long layers) {
    return metadata.isArray(name)
        ? metadata.naturals(name, layers)
        : Collections.nCopies(Math.toIntExact(layers), metadata.requirePositive(name));
  }

  /** Those of a model of so many layers. */
  public static SomeLayers read(ModelMetadata metadata, String name, long layers) {
    List<Long> counts = numbers(metadata, name, layers);
    return new SomeLayers(
        onlyCount(metadata, name, counts), counts.stream().map(count -> count > 0).toList());
  }

  private static long onlyCount(ModelMetadata metadata, String name, List<Long> counts) {
    List<Long> some = counts.stream().filter(count -> count > 0).distinct().limit(2).toList();
    if (some.isEmpty()) {
      throw metadata.problem(name, "is 0 for every layer; one at least must have some");
    }
    if (some.size() > 1) {
      throw metadata.problem(
          name,
          "has %d and %d; all layers that have any must have as many"
              .formatted(some.getFirst(), some.getLast()));
    }
    return some.getFirst();
  }

  /** What each layer is called, by whether it has some. */
  public List<String> types(String having, String other) {
    return have.stream().map(one -> one ? having : other).toList();
  }

  /** What each layer is called that has some of this, some of another, or nothing of both. */
  public List<String> types(String having, SomeLayers others, String havingOther, String neither) {
    return IntStream.range(0, have.size())
        .mapToObj(
            layer -> have.get(layer) ? having : others.have.get(layer) ? havingOther : neither)
        .toList();
  }
}
