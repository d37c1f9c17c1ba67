package dev.serval.readme;

import dev.serval.api.Bytes;
import dev.serval.api.ChatMessage;
import dev.serval.api.EmbeddingRequest;
import dev.serval.api.EmbeddingResult;
import dev.serval.api.Generation;
import dev.serval.api.GenerationRequest;
import dev.serval.api.IsolationScope;
import dev.serval.api.Prompt;
import dev.serval.api.ServingRuntime;
import dev.serval.api.TokenChunk;
import dev.serval.runtime.ModelSource;
import dev.serval.runtime.Serval;
import dev.serval.server.HttpEndpoint;
import dev.serval.server.OpenAiOptions;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
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

  static void application(Path folder, Path other, List<String> questions, Consumer<String> show) {
    // tag::application[]
    try (ServingRuntime runtime =
            Serval.builder()
                .model(ModelSource.of(folder).withNames("small"))
                .model(ModelSource.of(other).withNames("large").withContextLength(512))
                .kvBudget(Bytes.mebi(64))
                .build();
        ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
      for (String question : questions) {
        callers.execute(() -> {
          GenerationRequest request =
              GenerationRequest.builder(Prompt.chat(ChatMessage.user(question)))
                  .model("small")
                  .scope(IsolationScope.of("tenant-7"))
                  .maxTokens(64)
                  .build();
          try (Generation answer = runtime.submit(request)) {
            show.accept(answer.result().toCompletableFuture().join().text());
          }
        });
      }
    }
    // end::application[]
  }

  static void http(ServingRuntime runtime, String key, Consumer<String> use) {
    // tag::http[]
    OpenAiOptions options = OpenAiOptions.builder().apiKeys(Set.of(key)).build();
    try (HttpEndpoint endpoint = HttpEndpoint.builder(runtime).port(0).options(options).start()) {
      use.accept("http://127.0.0.1:" + endpoint.port() + "/v1");
    }
    // end::http[]
  }
}
