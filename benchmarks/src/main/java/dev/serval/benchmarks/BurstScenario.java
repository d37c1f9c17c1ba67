package dev.serval.benchmarks;

import dev.serval.api.Bytes;
import dev.serval.api.Generation;
import dev.serval.api.GenerationRequest;
import dev.serval.api.GenerationResult;
import dev.serval.api.Prompt;
import dev.serval.api.ServiceLevel;
import dev.serval.api.ServingRuntime;
import dev.serval.runtime.Serval;
import dev.serval.runtime.ServingRuntimeBuilder;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * Answers under way while long prompts come in bursts: what a chunk policy does to the gaps between
 * the answers' tokens, and what it costs. Each policy is given the same work, one after the other
 * in one process, several rounds of all of them, each beginning with another; figures are medians
 * over the rounds. A machine that is shared has fast and slow minutes, so tokens a second are also
 * compared within each round: with the last policy's, as the median over the rounds and the
 * quartiles around it. Rounds of 20 seconds before do not count: until then the JVM compiles on the
 * processors that steps need.
 *
 * <pre>{@code
 * mvn -Pjmh -DskipTests -pl benchmarks -am verify -Djmh.main=dev.serval.benchmarks.BurstScenario \
 *     -Djmh.args="MODEL TPOT_MS DECODES ANSWER_TOKENS BURSTS PROMPTS PROMPT_TOKENS ROUNDS time 512 2048"
 * }</pre>
 */
public final class BurstScenario {
  private static final long WARM_UP_NANOS = 20_000_000_000L;
  private static final Bytes KV = Bytes.of(320L << 20);
  private static final String PINNED = "+pinned";

  private final Path model;
  private final ServiceLevel level;
  private final int decodes;
  private final int answerTokens;
  private final int bursts;
  private final int prompts;
  private final int promptTokens;
  private final int rounds;

  private BurstScenario(List<String> args) {
    model = Path.of(args.get(0));
    level = ServiceLevel.INTERACTIVE.withTtft(null).withTpot(Duration.ofMillis(number(args, 1)));
    decodes = number(args, 2);
    answerTokens = number(args, 3);
    bursts = number(args, 4);
    prompts = number(args, 5);
    promptTokens = number(args, 6);
    rounds = number(args, 7);
  }

  private static int number(List<String> args, int index) {
    return Integer.parseInt(args.get(index));
  }

  /**
   * What one policy came to in one round.
   *
   * @param gaps the gaps between the tokens of the answers that are under way, ascending
   * @param wallNanos from the first submission to the last token of all
   * @param tokens the tokens of all prompts and answers
   * @param ttftNanos the median time to the first token of the long prompts
   */
  @SuppressWarnings("ArrayRecordComponent") // compared by nobody
  private record Round(long[] gaps, long wallNanos, long tokens, long ttftNanos) {
    double millis(double share) {
      int index = (int) Math.ceil(share * gaps.length) - 1;
      return gaps[Math.clamp(index, 0, gaps.length - 1)] / 1e6;
    }

    double tokensPerSecond() {
      return tokens * 1e9 / wallNanos;
    }
  }

  /**
   * Runs the scenario and prints a table.
   *
   * @param args the model's folder, the target in milliseconds, how many answers are under way, the
   *     tokens of each, how many bursts, the prompts of each, the tokens of each, how many rounds,
   *     and the policies: {@code time} or numbers of tokens, each with {@code +pinned} after it for
   *     threads that stay on processors of their own
   */
  public static void main(String[] args) {
    if (args.length < 9) {
      throw new IllegalArgumentException(
          "MODEL TPOT_MS DECODES ANSWER_TOKENS BURSTS PROMPTS PROMPT_TOKENS ROUNDS POLICY...");
    }
    List<String> all = List.of(args);
    new BurstScenario(all).compare(all.subList(8, all.size()), System.out);
  }

  private void compare(List<String> policies, PrintStream out) {
    Round[][] measured = new Round[policies.size()][rounds];
    List<ServingRuntime> runtimes = new ArrayList<>();
    try {
      policies.forEach(policy -> runtimes.add(runtime(policy)));
      Random random = new Random(-1);
      long warm = System.nanoTime() + WARM_UP_NANOS;
      do {
        runtimes.forEach(runtime -> measure(runtime, random));
      } while (System.nanoTime() < warm);
      for (int round = 0; round < rounds; round++) {
        for (int turn = 0; turn < policies.size(); turn++) {
          int policy = (turn + round) % policies.size();
          measured[policy][round] = measure(runtimes.get(policy), new Random(round));
        }
      }
    } finally {
      runtimes.forEach(ServingRuntime::close);
    }
    print(policies, measured, out);
  }

  private static void print(List<String> policies, Round[][] measured, PrintStream out) {
    String last = policies.getLast();
    out.printf(
        "%-12s %9s %9s %9s %9s %9s %9s  %s%n",
        "chunks", "gap p50", "p99", "p99.9", "max", "TTFT", "tokens/s", "of those of " + last);
    for (int i = 0; i < policies.size(); i++) {
      print(policies.get(i), measured[i], measured[policies.size() - 1], out);
    }
  }

  private static void print(String policy, Round[] own, Round[] others, PrintStream out) {
    double[] shares = new double[own.length];
    Arrays.setAll(shares, i -> own[i].tokensPerSecond() / others[i].tokensPerSecond());
    out.printf(
        Locale.ROOT,
        "%-12s %9.1f %9.1f %9.1f %9.1f %9.0f %9.1f  %.3f (%.3f to %.3f)%n",
        policy,
        median(own, r -> r.millis(0.5)),
        median(own, r -> r.millis(0.99)),
        median(own, r -> r.millis(0.999)),
        median(own, r -> r.millis(1)),
        median(own, r -> r.ttftNanos() / 1e6),
        median(own, Round::tokensPerSecond),
        quantile(shares, 0.5),
        quantile(shares, 0.25),
        quantile(shares, 0.75));
  }

  private static double median(Round[] rounds, ToDoubleFunction<Round> figure) {
    return quantile(Arrays.stream(rounds).mapToDouble(figure).toArray(), 0.5);
  }

  private static double quantile(double[] values, double share) {
    Arrays.sort(values);
    return values[(int) (share * values.length)];
  }

  private ServingRuntime runtime(String policy) {
    boolean pinned = policy.endsWith(PINNED);
    String chunks = pinned ? policy.substring(0, policy.length() - PINNED.length()) : policy;
    ServingRuntimeBuilder builder =
        Serval.builder().model(model).maxStepTokens(2048).kvBudget(KV).pinThreads(pinned);
    if (chunks.equals("time")) {
      builder.chunk("time");
    } else {
      builder.chunkTokens(Integer.parseInt(chunks));
    }
    return builder.build();
  }

  /** Bursts come whenever the one before is answered, so that faster policies are done sooner. */
  private Round measure(ServingRuntime runtime, Random random) {
    long begin = System.nanoTime();
    List<Generation> background =
        IntStream.range(0, decodes)
            .mapToObj(i -> answer(runtime, tokens(random, 16), answerTokens))
            .toList();
    background.forEach(Generation::result);
    List<Long> ttfts = new ArrayList<>();
    for (int burst = 0; burst < bursts; burst++) {
      IntStream.range(0, prompts)
          .mapToObj(i -> answer(runtime, prompt(random), 4))
          .toList()
          .forEach(each -> ttfts.add(result(each).timings().timeToFirstToken().toNanos()));
    }
    List<GenerationResult> results = background.stream().map(BurstScenario::result).toList();
    long wall = System.nanoTime() - begin;
    long[] gaps = results.stream().flatMapToLong(BurstScenario::gaps).sorted().toArray();
    long work = (long) bursts * prompts * (promptTokens + 4) + (long) decodes * (16 + answerTokens);
    long ttft = ttfts.stream().sorted().toList().get(ttfts.size() / 2);
    return new Round(gaps, wall, work, ttft);
  }

  private static LongStream gaps(GenerationResult result) {
    return result.timings().gaps().stream().mapToLong(Duration::toNanos);
  }

  private static GenerationResult result(Generation generation) {
    return generation.result().toCompletableFuture().join();
  }

  private Generation answer(ServingRuntime runtime, int[] prompt, int tokens) {
    return runtime.submit(
        GenerationRequest.builder(Prompt.tokens(prompt))
            .maxTokens(tokens)
            .ignoreEos(true)
            .level(level)
            .build());
  }

  private int[] prompt(Random random) {
    return tokens(random, promptTokens);
  }

  private static int[] tokens(Random random, int count) {
    return random.ints(count, 10, 1000).toArray();
  }
}
