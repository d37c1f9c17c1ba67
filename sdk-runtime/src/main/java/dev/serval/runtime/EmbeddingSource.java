package dev.serval.runtime;

import dev.serval.api.batching.TensorBatching;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;

/**
 * An embedding model to serve: where it lies, and how it is to be served. Immutable; each {@code
 * with} method gives a changed copy.
 *
 * @param path the model's folder or file
 * @param names the names that requests may use, the first one for metrics and descriptions; empty
 *     for the last part of the path
 * @param maxTokens how long a text may be, the tokens that the model puts around it included; empty
 *     for what the model's files say
 * @param batching how texts of many callers are put together
 */
public record EmbeddingSource(
    Path path, List<String> names, OptionalInt maxTokens, TensorBatching batching) {
  /** Copies the names. */
  public EmbeddingSource {
    Objects.requireNonNull(path, "path");
    names = List.copyOf(names);
  }

  /**
   * A model under the name of its folder or file, for texts as long as its files say.
   *
   * @param path the model's folder or file
   * @return the source
   */
  public static EmbeddingSource of(Path path) {
    return new EmbeddingSource(path, List.of(), OptionalInt.empty(), TensorBatching.DEFAULT);
  }

  /**
   * Under other names.
   *
   * @param servedNames the names that requests may use
   * @return the changed copy
   */
  public EmbeddingSource withNames(String... servedNames) {
    return new EmbeddingSource(path, List.of(servedNames), maxTokens, batching);
  }

  /**
   * With another bound on the length of a text.
   *
   * @param tokens the bound, no more than the model takes
   * @return the changed copy
   */
  public EmbeddingSource withMaxTokens(int tokens) {
    return new EmbeddingSource(path, names, OptionalInt.of(tokens), batching);
  }

  /**
   * With other batches.
   *
   * @param value how texts are put together
   * @return the changed copy
   */
  public EmbeddingSource withBatching(TensorBatching value) {
    return new EmbeddingSource(path, names, maxTokens, value);
  }

  /** The names it is served under: those given, or the last part of the path. */
  List<String> servedNames() {
    return names.isEmpty() ? ModelSource.of(path).servedNames() : names;
  }
}
