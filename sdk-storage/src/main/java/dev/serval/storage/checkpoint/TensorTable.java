package dev.serval.storage.checkpoint;

import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.text.Quoted;
import java.util.Collections;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** The tensors of a checkpoint by name, taken out one at a time. */
public final class TensorTable {
  private static final int SUGGESTIONS = 3;

  private final String place;
  private final SortedMap<String, Supplier<StoredTensor>> tensors;
  private final SortedSet<String> names;

  /**
   * Of these tensors.
   *
   * @param place what they lie in, for messages
   * @param tensors how to take each out, by name; not changed afterwards. A supplier may refuse
   *     with a {@link CheckpointException} what Serval cannot compute with
   */
  public TensorTable(String place, SortedMap<String, Supplier<StoredTensor>> tensors) {
    this.place = place;
    this.tensors = tensors;
    names = Collections.unmodifiableSortedSet(new TreeSet<>(tensors.keySet()));
  }

  /**
   * All names.
   *
   * @return an unmodifiable set
   */
  public SortedSet<String> names() {
    return names;
  }

  /**
   * Takes out a tensor.
   *
   * @param name its name
   * @return the tensor
   * @throws CheckpointException when there is none of that name, naming those most like it, or when
   *     Serval cannot compute with it
   */
  public StoredTensor tensor(String name) {
    Supplier<StoredTensor> tensor = tensors.get(name);
    if (tensor == null) {
      throw new CheckpointException(
          "%s has no tensor %s; %s".formatted(place, Quoted.of(name), alternatives(name)));
    }
    return tensor.get();
  }

  private String alternatives(String name) {
    String like =
        SimilarNames.of(name, names, SUGGESTIONS).stream()
            .map(Quoted::of)
            .collect(Collectors.joining(", "));
    return like.isEmpty()
        ? "it has none at all"
        : "of its %d the most like it: %s".formatted(names.size(), like);
  }
}
