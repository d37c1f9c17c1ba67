package dev.serval.readme;

import dev.serval.api.ChatMessage;
import dev.serval.api.EmbeddingRequest;
import dev.serval.api.EmbeddingResult;
import dev.serval.api.Generation;
import dev.serval.api.GenerationRequest;
import dev.serval.api.Prompt;
import dev.serval.api.ServingRuntime;
import dev.serval.api.TokenChunk;
import dev.serval.runtime.Serval;
import java.nio.file.Path;
import java.util.function.Consumer;

/** The documents' snippets, compiled. */
final class Snippets {
  private Snippets() {}

  static void firstScreen(Consumer<String> show) {
    // tag::first-screen[]
    try (ServingRuntime runtime =
        Serval.builder().model(Path.of("samples/demo-model/weights")).build()) {
      Prompt question = Prompt.chat(ChatMessage.user("What is a nerve?"));
      try (Generation answer = runtime.submit(GenerationRequest.of(question))) {
        for (TokenChunk chunk : answer) {
          show.accept(chunk.text());
        }
      }
    }
    // end::first-screen[]
  }

  static void embeddings(Consumer<float[]> use) {
    // tag::embeddings[]
    try (ServingRuntime runtime = Serval.builder().embeddings(Path.of("models/minilm")).build()) {
      EmbeddingRequest texts = EmbeddingRequest.of("How do I reset my password?", "I forgot it");
      EmbeddingResult result = runtime.embed(texts).join();
      result.vectors().forEach(use);
    }
    // end::embeddings[]
  }
}
