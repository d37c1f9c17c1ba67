package dev.serval.command.bench;

import dev.serval.api.Generation;
import dev.serval.api.GenerationRequest;
import dev.serval.api.Prompt;
import dev.serval.api.ServedModel;
import dev.serval.api.ServingRuntime;
import dev.serval.api.TokenChunk;
import dev.serval.api.Usage;
import dev.serval.api.model.Tokenizer;
import java.io.IOException;
import java.util.concurrent.ExecutionException;
import java.util.stream.IntStream;

/** A runtime in this process, asked through its own API. */
public final class RuntimeTarget implements Target {
  private final ServingRuntime runtime;
  private final ServedModel model;

  /**
   * Takes a runtime.
   *
   * @param runtime the runtime, whose first model answers; closed with the target
   */
  public RuntimeTarget(ServingRuntime runtime) {
    this.runtime = runtime;
    this.model = runtime.models().getFirst();
  }

  @Override
  public String model() {
    return model.name();
  }

  @Override
  public String backend() {
    return "serval";
  }

  @Override
  public int[] vocabulary() {
    Tokenizer tokenizer = model.tokenizer();
    return IntStream.range(0, tokenizer.vocabulary())
        .filter(id -> !tokenizer.special(id))
        .toArray();
  }

  @Override
  public void answer(Workload.Request request, Stopwatch stopwatch)
      throws IOException, InterruptedException {
    int[] ids = request.prompt().stream().mapToInt(Integer::intValue).toArray();
    GenerationRequest asked =
        GenerationRequest.builder(Prompt.tokens(ids))
            .maxTokens(request.outputTokens())
            .ignoreEos(true)
            .build();
    try (Generation generation = runtime.submit(asked)) {
      for (TokenChunk chunk : generation) {
        if (!chunk.tokenIds().isEmpty()) {
          stopwatch.chunk(chunk.text());
        }
      }
      Usage usage = generation.result().toCompletableFuture().get().usage();
      stopwatch.usage(usage.promptTokens(), usage.completionTokens());
    } catch (ExecutionException e) {
      throw new IOException(String.valueOf(e.getMessage()), e);
    }
  }

  @Override
  public void close() {
    runtime.close();
  }
}
