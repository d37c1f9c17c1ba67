package dev.serval.command.bench;

import dev.serval.api.Generation;
import dev.serval.api.GenerationRequest;
import dev.serval.api.GenerationResult;
import dev.serval.api.Prompt;
import dev.serval.api.ServedModel;
import dev.serval.api.ServingRuntime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * Asks a runtime's engine for prefill alone and for decoding alone, and takes the engine's own
 * times: nothing is read while it works, so that nobody takes its cores.
 */
public final class EngineLoad {
  /** Tokens at both ends of a sequence during which others may not be decoding with it. */
  private static final int EDGE = 4;

  /** The tokens of a prompt that is there for decoding only. */
  static final int SHORT_PROMPT = 16;

  private final ServingRuntime runtime;
  private final int[] vocabulary;
  private final RandomGenerator random;

  /**
   * Of a runtime with one model.
   *
   * @param runtime the runtime; it should find no prefixes again
   * @param random where prompts are drawn from
   */
  public EngineLoad(ServingRuntime runtime, RandomGenerator random) {
    this.runtime = runtime;
    this.random = random;
    ServedModel model = runtime.models().getFirst();
    vocabulary =
        IntStream.range(0, model.tokenizer().vocabulary())
            .filter(id -> !model.tokenizer().special(id))
            .toArray();
  }

  /**
   * How long a sequence gets that is decoded.
   *
   * @param tokens how many tokens it generates, beside some at its ends
   * @return its tokens, the prompt's among them
   */
  public static int mostTokens(int tokens) {
    return SHORT_PROMPT + tokens + 2 * EDGE + 1;
  }

  /**
   * Reads one prompt.
   *
   * @param tokens its tokens
   * @return tokens a second until the first token of the answer
   * @throws InterruptedException when the thread is interrupted
   */
  public double prefill(int tokens) throws InterruptedException {
    try (Generation generation = runtime.submit(request(tokens, 1))) {
      return tokens / seconds(result(generation).timings().timeToFirstToken());
    }
  }

  /**
   * Continues sequences side by side.
   *
   * @param sequences how many
   * @param tokens how many tokens each generates, beside some at its ends
   * @return tokens a second, over all sequences
   * @throws InterruptedException when the thread is interrupted
   */
  public double decode(int sequences, int tokens) throws InterruptedException {
    List<Generation> generations = new ArrayList<>();
    try {
      for (int i = 0; i < sequences; i++) {
        generations.add(runtime.submit(request(SHORT_PROMPT, tokens + 2 * EDGE + 1)));
      }
      double rate = 0;
      for (Generation generation : generations) {
        rate += rate(result(generation).timings().gaps());
      }
      return rate;
    } finally {
      generations.forEach(Generation::close);
    }
  }

  private GenerationRequest request(int promptTokens, int answerTokens) {
    int[] prompt =
        random.ints(promptTokens, 0, vocabulary.length).map(i -> vocabulary[i]).toArray();
    return GenerationRequest.builder(Prompt.tokens(prompt))
        .maxTokens(answerTokens)
        .ignoreEos(true)
        .build();
  }

  private static GenerationResult result(Generation generation) throws InterruptedException {
    try {
      return generation.result().toCompletableFuture().get();
    } catch (ExecutionException e) {
      throw new IllegalStateException("a generation failed: " + e.getCause(), e);
    }
  }

  private static double rate(List<Duration> gaps) {
    List<Duration> middle = gaps.subList(EDGE, gaps.size() - EDGE);
    return middle.size() / seconds(middle.stream().reduce(Duration.ZERO, Duration::plus));
  }

  private static double seconds(Duration time) {
    return time.toNanos() / 1e9;
  }
}
