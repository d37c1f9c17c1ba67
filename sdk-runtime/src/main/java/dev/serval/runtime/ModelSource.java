package dev.serval.runtime;

import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;

/**
 * A model to serve: where it lies, and how it is to be served. Immutable; each {@code with} method
 * gives a changed copy.
 *
 * @param path the checkpoint's folder or file
 * @param names the names that requests may use, the first one for metrics and descriptions; empty
 *     for the last part of the path
 * @param contextLength how many tokens prompt and completion may have together at most; empty for
 *     what the model was made for
 */
public record ModelSource(Path path, List<String> names, OptionalInt contextLength) {
  /** Copies the names. */
  public ModelSource {
    Objects.requireNonNull(path, "path");
    names = List.copyOf(names);
  }

  /**
   * A model under the name of its folder or file, with the context it was made for.
   *
   * @param path the checkpoint's folder or file
   * @return the source
   */
  public static ModelSource of(Path path) {
    return new ModelSource(path, List.of(), OptionalInt.empty());
  }

  /**
   * Under other names.
   *
   * @param servedNames the names that requests may use
   * @return the changed copy
   */
  public ModelSource withNames(String... servedNames) {
    return new ModelSource(path, List.of(servedNames), contextLength);
  }

  /**
   * With a shorter context, which takes less KV.
   *
   * @param tokens the limit, at least 2; more than the model was made for changes nothing
   * @return the changed copy
   */
  public ModelSource withContextLength(int tokens) {
    return new ModelSource(path, names, OptionalInt.of(tokens));
  }

  /** The names it is served under: those given, or the last part of the path. */
  List<String> servedNames() {
    Path last = path.toAbsolutePath().normalize().getFileName();
    return names.isEmpty() ? List.of(last == null ? "model" : last.toString()) : names;
  }
}
