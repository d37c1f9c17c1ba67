package dev.serval.command;

import dev.serval.api.Generation;
import dev.serval.api.GenerationFailedException;
import dev.serval.api.GenerationRequest;
import dev.serval.api.GenerationResult;
import dev.serval.api.ServalException;
import dev.serval.api.ServingRuntime;
import dev.serval.api.TokenChunk;
import java.io.PrintStream;
import java.util.concurrent.CompletionException;

/** Asks a runtime and shows the answer as it comes. */
final class Answer {
  private Answer() {}

  static GenerationResult stream(
      ServingRuntime runtime, GenerationRequest request, PrintStream out) {
    try (Generation generation = runtime.submit(request)) {
      for (TokenChunk chunk : generation) {
        out.print(chunk.text());
        out.flush();
      }
      return resultOf(generation);
    }
  }

  static GenerationResult whole(ServingRuntime runtime, GenerationRequest request) {
    try (Generation generation = runtime.submit(request)) {
      return resultOf(generation);
    }
  }

  private static GenerationResult resultOf(Generation generation) {
    try {
      return generation.result().toCompletableFuture().join();
    } catch (CompletionException e) {
      throw e.getCause() instanceof ServalException known
          ? known
          : new GenerationFailedException("the answer could not be finished", e);
    }
  }
}
