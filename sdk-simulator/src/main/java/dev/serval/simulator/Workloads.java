package dev.serval.simulator;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/** Traces that are made and not recorded. The same seed gives the same trace. */
public final class Workloads {
  private static final double NANOS = 1e9;
  private static final int CLIENTS = 27;
  private static final TokenLengths ARENA_PROMPTS = TokenLengths.skewed(2, 1021, 136);
  private static final TokenLengths ARENA_OUTPUTS = TokenLengths.skewed(2, 977, 256);

  private Workloads() {}

  /**
   * Requests that arrive by a Poisson process.
   *
   * @param duration how long requests arrive
   * @param rate requests a second, above 0
   * @param prompts how long prompts are
   * @param outputs how long answers are
   * @param seed where the draw begins
   * @return the trace
   */
  public static Trace poisson(
      Duration duration, double rate, TokenLengths prompts, TokenLengths outputs, long seed) {
    return Trace.of(poisson(duration, rate, prompts, outputs, new Random(seed)));
  }

  private static List<TracedRequest> poisson(
      Duration duration,
      double rate,
      TokenLengths prompts,
      TokenLengths outputs,
      RandomGenerator random) {
    if (!(rate > 0)) {
      throw new IllegalArgumentException("requests arrive at a rate above 0, unlike " + rate);
    }
    List<TracedRequest> requests = new ArrayList<>();
    double end = duration.toNanos();
    for (double at = gap(rate, random); at < end; at += gap(rate, random)) {
      requests.add(
          TracedRequest.of(
              Duration.ofNanos((long) at), prompts.draw(random), outputs.draw(random)));
    }
    return requests;
  }

  private static double gap(double rate, RandomGenerator random) {
    return random.nextExponential() / rate * NANOS;
  }

  /**
   * Conversations that go on while prompts of 2,000 tokens come in bursts: every 15 seconds as many
   * at once. The conversations are of the class {@code interactive}, the bursts of {@code batch}.
   *
   * @param duration how long requests arrive
   * @param rate conversations a second: prompts of about 100 tokens, answers of about 200
   * @param burst how many long prompts come at once, at least 0
   * @param seed where the draw begins
   * @return the trace
   */
  public static Trace longPromptBursts(Duration duration, double rate, int burst, long seed) {
    Duration every = Duration.ofSeconds(15);
    List<TracedRequest> requests = new ArrayList<>();
    poisson(
            duration,
            rate,
            TokenLengths.between(50, 150),
            TokenLengths.between(100, 300),
            new Random(seed))
        .forEach(request -> requests.add(request.withServiceClass("interactive")));
    for (Duration at = every; at.compareTo(duration) < 0; at = at.plus(every)) {
      for (int i = 0; i < burst; i++) {
        requests.add(TracedRequest.of(at, 2000, 32).withServiceClass("batch"));
      }
    }
    return Trace.of(requests);
  }

  /**
   * 27 clients of very different appetite, after the real workload of Sheng et al., "Fairness in
   * Serving Large Language Models", OSDI 2024 (https://arxiv.org/abs/2401.00588): prompts of 136
   * tokens and answers of 256 on average, with long tails. The paper draws them from conversations
   * that are not public; here client {@code i}'s share of the requests falls as {@code 1/i}. The
   * tenants are {@code client-01}, the largest, to {@code client-27}.
   *
   * @param duration how long requests arrive; ten minutes in the paper
   * @param rate requests a second of all clients together, above 0
   * @param seed where the draw begins
   * @return the trace
   */
  public static Trace unequalClients(Duration duration, double rate, long seed) {
    Random random = new Random(seed);
    double[] shares = IntStream.rangeClosed(1, CLIENTS).mapToDouble(i -> 1.0 / i).toArray();
    double sum = IntStream.range(0, CLIENTS).mapToDouble(i -> shares[i]).sum();
    List<TracedRequest> requests = new ArrayList<>();
    for (int i = 0; i < CLIENTS; i++) {
      String client = "client-%02d".formatted(i + 1);
      poisson(duration, rate * shares[i] / sum, ARENA_PROMPTS, ARENA_OUTPUTS, random)
          .forEach(request -> requests.add(request.withTenant(client)));
    }
    return Trace.of(requests);
  }

  /**
   * Conversations of several turns that arrive by a Poisson process: each turn's prompt begins with
   * the whole prompt of the turn before, and all conversations begin with one system prompt.
   *
   * @param duration how long conversations begin
   * @param rate conversations a second, above 0
   * @param turns the turns of each, at least 1
   * @param seed where the draw begins
   * @return the trace
   */
  public static Trace conversations(Duration duration, double rate, int turns, long seed) {
    Random random = new Random(seed);
    int idTokens = 64;
    List<Long> system = List.of(1L, 2L, 3L, 4L);
    long nextId = system.size() + 1L;
    List<TracedRequest> requests = new ArrayList<>();
    List<TracedRequest> first =
        poisson(duration, rate, TokenLengths.between(1, 1), TokenLengths.between(50, 200), random);
    for (TracedRequest opening : first) {
      List<Long> ids = new ArrayList<>(system);
      Duration at = opening.arrival();
      for (int turn = 0; turn < turns; turn++) {
        for (int i = random.nextInt(1, 6); i > 0; i--) {
          ids.add(nextId++);
        }
        int tail = random.nextInt(idTokens);
        requests.add(
            TracedRequest.of(at, ids.size() * idTokens + tail, opening.outputTokens())
                .withHashIds(ids));
        at = at.plusMillis(random.nextInt(5_000, 30_000));
      }
    }
    return new Trace(requests, idTokens);
  }
}
