package dev.serval.runtime.embedding;

import dev.serval.api.EmbeddingRequest;
import dev.serval.api.EmbeddingResult;
import org.jspecify.annotations.Nullable;

/** Hears what becomes of requests for embeddings, on the thread that completes them. */
@FunctionalInterface
public interface EmbeddingListener {
  /** Hears nothing. */
  EmbeddingListener NONE = (request, nanos, result, failure) -> {};

  /**
   * A request has ended.
   *
   * @param request the request
   * @param nanos how long it took
   * @param result its result, or null if it has none
   * @param failure why it has none, or null
   */
  void ended(
      EmbeddingRequest request,
      long nanos,
      @Nullable EmbeddingResult result,
      @Nullable Throwable failure);
}
