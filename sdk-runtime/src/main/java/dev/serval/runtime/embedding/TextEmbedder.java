package dev.serval.runtime.embedding;

import dev.serval.api.EmbeddingRequest;
import dev.serval.api.EmbeddingResult;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.InvalidRequestException.Reason;
import dev.serval.api.batching.TensorBatching;
import dev.serval.api.model.EmbeddingModel;
import dev.serval.batching.TensorBatcher;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongSupplier;

/** Takes the requests of one embedding model, on any thread. */
public final class TextEmbedder {
  private final String name;
  private final EmbeddingModel model;
  private final TensorBatcher<int[], float[]> batcher;
  private final TensorBatching batching;
  private final LongSupplier clock;
  private final EmbeddingListener listener;

  /**
   * An embedder.
   *
   * @param name the model's name, for messages
   * @param model encodes texts
   * @param batcher computes them
   * @param batching how many it takes
   * @param clock a reading in nanoseconds
   * @param listener hears how requests end
   */
  public TextEmbedder(
      String name,
      EmbeddingModel model,
      TensorBatcher<int[], float[]> batcher,
      TensorBatching batching,
      LongSupplier clock,
      EmbeddingListener listener) {
    this.name = name;
    this.model = model;
    this.batcher = batcher;
    this.batching = batching;
    this.clock = clock;
    this.listener = listener;
  }

  /**
   * Embeds a request's texts.
   *
   * @param request the request
   * @param servedName the name that the result bears
   * @param whenEnded told once when it has ended, however it did; not if this throws
   * @return the result to come
   */
  public CompletableFuture<EmbeddingResult> embed(
      EmbeddingRequest request, String servedName, Runnable whenEnded) {
    long begin = clock.getAsLong();
    List<int[]> tokens = encoded(request);
    List<CompletableFuture<float[]>> vectors =
        batcher.submitAll(
            tokens, request.tenant(), request.priority(), request.deadline().orElse(null));
    CompletableFuture<EmbeddingResult> result = new CompletableFuture<>();
    vectors.forEach(vector -> failWith(vector, result));
    var _ =
        CompletableFuture.allOf(vectors.toArray(CompletableFuture[]::new))
            .thenRun(() -> result.complete(whole(servedName, tokens, vectors, begin)));
    var _ =
        result.whenComplete((embedded, failure) -> {
          vectors.forEach(vector -> vector.cancel(false));
          listener.ended(request, clock.getAsLong() - begin, embedded, failure);
          whenEnded.run();
        });
    return result;
  }

  private List<int[]> encoded(EmbeddingRequest request) {
    int texts = request.texts().size();
    if (texts > batching.maxWaiting()) {
      throw new InvalidRequestException(
          "input", "a request may have %d texts, not %d".formatted(batching.maxWaiting(), texts));
    }
    List<int[]> encoded = new ArrayList<>(texts);
    for (String text : request.texts()) {
      encoded.add(fitting(model.encode(text), encoded.size(), request.truncate()));
    }
    return encoded;
  }

  private int[] fitting(int[] tokens, int index, boolean truncate) {
    int most = model.maxTokens();
    if (tokens.length > most && !truncate) {
      throw new InvalidRequestException(
          Reason.CONTEXT_LENGTH,
          "input",
          "text %d has %d tokens, more than the %d that the model '%s' takes; shorten it, or ask for it to be truncated"
              .formatted(index, tokens.length, most, name));
    }
    return model.truncate(tokens, most);
  }

  private static void failWith(
      CompletableFuture<float[]> vector, CompletableFuture<EmbeddingResult> result) {
    var _ =
        vector.whenComplete((value, failure) -> {
          if (failure != null) {
            result.completeExceptionally(failure);
          }
        });
  }

  private EmbeddingResult whole(
      String servedName, List<int[]> tokens, List<CompletableFuture<float[]>> vectors, long begin) {
    return new EmbeddingResult(
        servedName,
        vectors.stream().map(CompletableFuture::join).toList(),
        tokens.stream().mapToInt(ids -> ids.length).sum(),
        Duration.ofNanos(clock.getAsLong() - begin));
  }
}
