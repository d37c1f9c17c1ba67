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

  /**
   * Shows the answer as it comes, and before it what the model thinks if it does.
   *
   * @param out where the answer goes
   * @param thoughts where thoughts go, on lines of their own
   */
  static GenerationResult stream(
      ServingRuntime runtime, GenerationRequest request, PrintStream out, PrintStream thoughts) {
    boolean thinking = false;
    try (Generation generation = runtime.submit(request)) {
      for (TokenChunk chunk : generation) {
        show(chunk.reasoning(), thoughts);
        thinking |= !chunk.reasoning().isEmpty();
        if (thinking && !chunk.text().isEmpty()) {
          thoughts.println();
          thinking = false;
        }
        show(chunk.text(), out);
      }
      return resultOf(generation);
    } finally {
      if (thinking) {
        thoughts.println();
      }
    }
  }

  private static void show(String text, PrintStream to) {
    if (!text.isEmpty()) {
      to.print(text);
      to.flush();
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
