package dev.serval.server.exchange;

import dev.serval.api.FinishReason;
import dev.serval.api.Generation;
import dev.serval.api.GenerationRequest;
import dev.serval.api.GenerationResult;
import dev.serval.api.ServingRuntime;
import dev.serval.server.errors.ApiError;
import dev.serval.server.openai.AnswerHead;
import dev.serval.server.openai.GenerationCall;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * A call that the runtime has taken: all of its prompts or none.
 *
 * @param call what was asked for
 * @param head what its answer begins with
 * @param generations one for each prompt
 */
record Submission(GenerationCall call, AnswerHead head, List<Generation> generations) {
  static Submission of(GenerationCall call, ServingRuntime runtime, Instant now) {
    List<Generation> generations = new ArrayList<>(call.requests().size());
    try {
      for (GenerationRequest request : call.requests()) {
        generations.add(runtime.submit(request));
      }
    } catch (RuntimeException refused) {
      generations.forEach(Generation::close);
      throw refused;
    }
    String id = call.format().idPrefix() + generations.getFirst().id();
    return new Submission(call, AnswerHead.of(id, now, call.model()), generations);
  }

  /**
   * The results of all prompts, as soon as there are all, or the first failure. Completed by the
   * runtime's threads.
   */
  CompletableFuture<List<GenerationResult>> results() {
    List<CompletableFuture<GenerationResult>> each =
        generations.stream().map(g -> g.result().toCompletableFuture()).toList();
    CompletableFuture<List<GenerationResult>> all =
        CompletableFuture.allOf(each.toArray(CompletableFuture[]::new))
            .thenApply(v -> whole(each.stream().map(CompletableFuture::join).toList()));
    each.forEach(one -> one.exceptionally(failure -> failAll(all, failure)));
    return all;
  }

  private static @Nullable GenerationResult failAll(CompletableFuture<?> all, Throwable failure) {
    all.completeExceptionally(failure);
    return null;
  }

  /**
   * Refuses what the runtime was closed under, since nobody else cancels what is still awaited, and
   * what came too late.
   */
  private static List<GenerationResult> whole(List<GenerationResult> results) {
    if (anyEnded(results, FinishReason.CANCELLED)) {
      throw ApiError.closing("the runtime was closed before the answer was whole").raise();
    }
    if (anyEnded(results, FinishReason.DEADLINE)) {
      throw ApiError.late("the request's deadline passed before the answer was whole").raise();
    }
    return results;
  }

  private static boolean anyEnded(List<GenerationResult> results, FinishReason reason) {
    return results.stream()
        .flatMap(result -> result.choices().stream())
        .anyMatch(choice -> choice.finishReason() == reason);
  }

  /** Cancels what has not ended. */
  void close() {
    generations.forEach(Generation::close);
  }
}
