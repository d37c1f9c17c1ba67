package dev.serval.benchmarks;

import dev.serval.api.GenerationRequest;
import dev.serval.api.Prompt;
import dev.serval.api.ServingRuntime;
import dev.serval.runtime.Serval;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/**
 * What prefix caching costs where nothing is ever found: two runtimes of one model, one with and
 * one without, are given the same prompts in turns, none of which begins as another one does.
 *
 * <pre>{@code
 * mvn -Pjmh -DskipTests -pl benchmarks -am verify -Djmh.main=dev.serval.benchmarks.PrefixCachingCost \
 *     -Djmh.args="MODEL PROMPT_TOKENS ANSWER_TOKENS PAIRS"
 * }</pre>
 */
public final class PrefixCachingCost {
  private static final double WARM_UP = 0.2;

  private final ServingRuntime with;
  private final ServingRuntime without;
  private final int promptTokens;
  private final int answerTokens;
  private final Random random = new Random(1);

  private PrefixCachingCost(ServingRuntime with, ServingRuntime without, List<Integer> tokens) {
    this.with = with;
    this.without = without;
    promptTokens = tokens.get(0);
    answerTokens = tokens.get(1);
  }

  /**
   * Runs the comparison and prints what came of it.
   *
   * @param args the model, the tokens of a prompt and of an answer, and how many pairs of runs
   */
  public static void main(String[] args) {
    if (args.length != 4) {
      throw new IllegalArgumentException("MODEL PROMPT_TOKENS ANSWER_TOKENS PAIRS");
    }
    Path model = Path.of(args[0]);
    List<Integer> numbers = Arrays.stream(args).skip(1).map(Integer::valueOf).toList();
    try (ServingRuntime with = Serval.builder().model(model).prefixCaching(true).build();
        ServingRuntime without = Serval.builder().model(model).prefixCaching(false).build()) {
      new PrefixCachingCost(with, without, numbers).compare(numbers.get(2), System.out);
    }
  }

  private void compare(int pairs, PrintStream out) {
    for (int i = 0; i < WARM_UP * pairs; i++) {
      pair(i);
    }
    double[] ratios = new double[pairs];
    for (int i = 0; i < pairs; i++) {
      ratios[i] = pair(i);
    }
    Arrays.sort(ratios);
    out.printf(
        Locale.ROOT,
        "time with prefix caching over time without, of %d pairs: median %.4f, quartiles %.4f and %.4f%n",
        pairs,
        ratios[pairs / 2],
        ratios[pairs / 4],
        ratios[3 * pairs / 4]);
  }

  /** Whoever is first in one pair is second in the next. */
  private double pair(int number) {
    int[] prompt = random.ints(promptTokens, 10, 1000).toArray();
    boolean first = number % 2 == 0;
    long one = nanos(first ? with : without, prompt);
    long other = nanos(first ? without : with, prompt);
    return first ? (double) one / other : (double) other / one;
  }

  private long nanos(ServingRuntime runtime, int[] prompt) {
    long begin = System.nanoTime();
    var result =
        runtime
            .submit(
                GenerationRequest.builder(Prompt.tokens(prompt))
                    .maxTokens(answerTokens)
                    .ignoreEos(true)
                    .build())
            .result()
            .toCompletableFuture()
            .join();
    long nanos = System.nanoTime() - begin;
    if (result.usage().cachedPromptTokens() > 0) {
      throw new IllegalStateException("a prefix was found");
    }
    return nanos;
  }
}
