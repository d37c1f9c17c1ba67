import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;

/**
 * Answers under way while long prompts come in bursts, over HTTP: how long readers wait between two
 * tokens, and what is done in a second. Servers of the OpenAI completions API run already, with the
 * same weights; they are given the same work in turns, the first round unmeasured. A burst comes as
 * soon as the one before is answered, and the bursts go on until all answers are there.
 *
 * <pre>
 *   java benchmarks/peers/Bursts.java --server NAME=http://127.0.0.1:8001 [--server ...]
 *       [--rounds 3] [--answers 4] [--tokens 300] [--prompts 2] [--length 2000] [--bursts 3]
 * </pre>
 */
public final class Bursts {
  private final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private final Map<String, String> options;
  private final Map<String, String> servers;

  private Bursts(Map<String, String> options, Map<String, String> servers) {
    this.options = options;
    this.servers = servers;
  }

  /**
   * What a server came to in a round.
   *
   * @param gaps between the events of the answers under way, in milliseconds, ascending
   * @param firstTokens of the long prompts, in milliseconds, ascending
   * @param tokensPerSecond of prompts and answers together
   */
  private record Round(double[] gaps, double[] firstTokens, double tokensPerSecond) {
    static double at(double[] sorted, double share) {
      int index = (int) Math.ceil(share * sorted.length) - 1;
      return sorted[Math.clamp(index, 0, sorted.length - 1)];
    }
  }

  /**
   * Measures.
   *
   * @param arguments the command line
   */
  public static void main(String[] arguments) throws Exception {
    Map<String, String> options = new TreeMap<>();
    options.putAll(Map.of("rounds", "3", "answers", "4", "tokens", "300"));
    options.putAll(Map.of("prompts", "2", "length", "2000", "bursts", "3"));
    Map<String, String> servers = new LinkedHashMap<>();
    for (int i = 0; i + 1 < arguments.length; i += 2) {
      String name = arguments[i].substring(2);
      if (name.equals("server")) {
        String[] server = arguments[i + 1].split("=", 2);
        servers.put(server[0], server[1]);
      } else {
        options.put(name, arguments[i + 1]);
      }
    }
    new Bursts(options, servers).run();
  }

  private int option(String name) {
    return Integer.parseInt(options.get(name));
  }

  private void run() throws InterruptedException, ExecutionException {
    Map<String, List<Round>> rounds = new LinkedHashMap<>();
    System.out.printf(
        "%-12s %9s %9s %9s %9s %9s %9s%n",
        "server", "gap p50", "p99", "p99.9", "longest", "TTFT", "tokens/s");
    for (int round = 0; round <= option("rounds"); round++) {
      for (Map.Entry<String, String> server : servers.entrySet()) {
        Round result = round(server.getValue(), new Random(round));
        print(round == 0 ? "(" + server.getKey() + ")" : server.getKey(), result);
        if (round > 0) {
          rounds.computeIfAbsent(server.getKey(), name -> new ArrayList<>()).add(result);
        }
      }
    }
    System.out.println("all rounds, tokens/s the median:");
    rounds.forEach((name, all) -> print(name, together(all)));
    System.exit(0);
  }

  private static Round together(List<Round> rounds) {
    double[] speeds = rounds.stream().mapToDouble(Round::tokensPerSecond).sorted().toArray();
    return new Round(
        rounds.stream().flatMapToDouble(r -> Arrays.stream(r.gaps())).sorted().toArray(),
        rounds.stream().flatMapToDouble(r -> Arrays.stream(r.firstTokens())).sorted().toArray(),
        speeds[speeds.length / 2]);
  }

  private static void print(String name, Round round) {
    System.out.printf(
        Locale.ROOT,
        "%-12s %9.1f %9.1f %9.1f %9.1f %9.0f %9.1f%n",
        name,
        Round.at(round.gaps(), 0.5),
        Round.at(round.gaps(), 0.99),
        Round.at(round.gaps(), 0.999),
        Round.at(round.gaps(), 1),
        Round.at(round.firstTokens(), 0.5),
        round.tokensPerSecond());
  }

  private Round round(String url, Random random) throws InterruptedException, ExecutionException {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      long begin = System.nanoTime();
      List<Future<long[]>> answers = new ArrayList<>();
      for (int i = 0; i < option("answers"); i++) {
        answers.add(threads.submit(stream(url, 16, option("tokens"), random)));
      }
      List<Double> firstTokens = new ArrayList<>();
      for (int burst = 0; burst < option("bursts"); burst++) {
        firstTokens.addAll(burst(url, threads, random));
      }
      List<Double> gaps = new ArrayList<>();
      for (Future<long[]> answer : answers) {
        long[] events = answer.get();
        for (int i = 2; i < events.length; i++) {
          gaps.add((events[i] - events[i - 1]) / 1e6);
        }
      }
      long wall = System.nanoTime() - begin;
      long tokens =
          (long) option("answers") * (16 + option("tokens"))
              + (long) option("bursts") * option("prompts") * (option("length") + 4);
      return new Round(sorted(gaps), sorted(firstTokens), tokens * 1e9 / wall);
    }
  }

  private List<Double> burst(String url, ExecutorService threads, Random random)
      throws InterruptedException, ExecutionException {
    List<Future<long[]>> prompts = new ArrayList<>();
    for (int i = 0; i < option("prompts"); i++) {
      prompts.add(threads.submit(stream(url, option("length"), 4, random)));
    }
    List<Double> firstTokens = new ArrayList<>();
    for (Future<long[]> prompt : prompts) {
      long[] events = prompt.get();
      firstTokens.add((events[1] - events[0]) / 1e6);
    }
    return firstTokens;
  }

  private static double[] sorted(List<Double> values) {
    return values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
  }

  /** A streamed completion: when it was sent, and when each of its events came. */
  private Callable<long[]> stream(String url, int length, int tokens, Random random) {
    String prompt =
        random.ints(length, 10, 1000).mapToObj(String::valueOf).collect(Collectors.joining(","));
    String body =
        """
        {"model": "bench", "prompt": [%s], "max_tokens": %d, "temperature": 0, "stream": true, \
        "ignore_eos": true}\
        """
            .formatted(prompt, tokens);
    return () -> read(url, body);
  }

  private long[] read(String url, String body) throws IOException, InterruptedException {
    List<Long> events = new ArrayList<>();
    events.add(System.nanoTime());
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(url + "/v1/completions"))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
    HttpResponse<java.io.InputStream> response =
        client.send(request, HttpResponse.BodyHandlers.ofInputStream());
    try (BufferedReader lines =
        new BufferedReader(new InputStreamReader(response.body(), StandardCharsets.UTF_8))) {
      if (response.statusCode() != 200) {
        throw new IOException(response.statusCode() + ": " + lines.lines().toList());
      }
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.startsWith("data:") && line.contains("\"text\"")) {
          events.add(System.nanoTime());
        }
      }
    }
    if (events.size() < 2) {
      throw new IOException("no event came for " + body.substring(0, 80));
    }
    return events.stream().mapToLong(Long::longValue).toArray();
  }
}
