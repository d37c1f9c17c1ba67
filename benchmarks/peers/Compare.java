import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Compares Serval with llama.cpp, and with others that bring its tools, on one GGUF file: prefill
 * of 512 tokens, and decoding of several sequences side by side.
 *
 * <p>The programs take turns, so that a machine that changes its speed changes it for all; what is
 * compared are medians over the rounds. A peer is a folder with a {@code llama-batched-bench},
 * built for this machine ({@code -DGGML_NATIVE=ON}).
 *
 * <pre>
 *   java benchmarks/peers/Compare.java --model FILE.gguf --peer llama.cpp=DIR [--peer NAME=DIR]
 *       [--rounds 5] [--threads 2] [--decode 1,4,8,16] [--decode-tokens 32]
 *       [--serval ./serval] [--serval-args "..."]
 * </pre>
 */
public final class Compare {
  private static final int PREFILL = 512;
  private static final int PROMPT = 16;
  private static final int CONTEXT = 4096;
  private static final Pattern SERVAL_CELL =
      Pattern.compile("\"(prefill|decode) (\\d+)\":\\{[^}]*?\"tokens_per_second\":([\\d.eE+-]+)");
  private static final Pattern PEER_LINE =
      Pattern.compile(
          "\\|\\s*(\\d+) \\|\\s*(\\d+) \\|\\s*(?<sequences>\\d+) \\|\\s*\\d+ \\|\\s*[\\d.]+ "
              + "\\|\\s*(?<prefill>[\\d.]+) \\|\\s*[\\d.]+ \\|\\s*(?<decode>[\\d.]+) \\|.*");

  private final Map<String, String> options;
  private final Map<String, Path> peers;
  private final Map<String, Map<String, List<Double>>> rates = new LinkedHashMap<>();

  private Compare(Map<String, String> options, Map<String, Path> peers) {
    this.options = options;
    this.peers = peers;
  }

  /**
   * Compares.
   *
   * @param arguments the command line
   */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    Map<String, String> options = new TreeMap<>();
    Map<String, Path> peers = new LinkedHashMap<>();
    options.putAll(
        Map.of("rounds", "5", "decode", "1,4,8,16", "serval", "./serval", "serval-args", ""));
    options.put("decode-tokens", "32");
    options.put("threads", String.valueOf(Runtime.getRuntime().availableProcessors()));
    for (int i = 0; i + 1 < arguments.length; i += 2) {
      String name = arguments[i].substring(2);
      if (name.equals("peer")) {
        String[] peer = arguments[i + 1].split("=", 2);
        peers.put(peer[0], Path.of(peer[1]));
      } else {
        options.put(name, arguments[i + 1]);
      }
    }
    new Compare(options, peers).run();
  }

  private void run() throws IOException, InterruptedException {
    int rounds = Integer.parseInt(options.get("rounds"));
    for (int round = 1; round <= rounds; round++) {
      serval();
      for (Map.Entry<String, Path> peer : peers.entrySet()) {
        peer(peer.getKey(), peer.getValue());
      }
      System.err.println("round " + round + " of " + rounds + ": " + last());
    }
    print();
  }

  private void serval() throws IOException, InterruptedException {
    Path result = Files.createTempFile("serval-engine", ".json");
    List<String> command = new ArrayList<>();
    command.addAll(List.of(options.get("serval"), "bench", "--engine", options.get("model")));
    command.addAll(List.of("--threads", options.get("threads")));
    command.addAll(List.of("--decode", options.get("decode"), "--prefill", "" + PREFILL));
    command.addAll(List.of("--decode-tokens", options.get("decode-tokens"), "--repetitions", "1"));
    command.addAll(List.of("--result-file", result.toString()));
    if (!options.get("serval-args").isBlank()) {
      command.addAll(List.of(options.get("serval-args").strip().split(" +")));
    }
    outputOf(command);
    Matcher cell = SERVAL_CELL.matcher(flattened(Files.readString(result)));
    Files.delete(result);
    while (cell.find()) {
      add("serval", cell.group(1) + " " + cell.group(2), Double.parseDouble(cell.group(3)));
    }
  }

  /** Without the lists of samples, so that a cell is a flat object. */
  private static String flattened(String json) {
    return json.replaceAll("\\s+", "")
        .replaceAll("\"samples\":\\[[^\\]]*\\],?", "")
        .replaceAll("\"(prefill|decode)(\\d+)\"", "\"$1 $2\"");
  }

  private void peer(String name, Path folder) throws IOException, InterruptedException {
    Matcher prefill = PEER_LINE.matcher(batched(folder, PREFILL, 1, "1", CONTEXT));
    while (prefill.find()) {
      add(name, "prefill " + PREFILL, Double.parseDouble(prefill.group("prefill")));
    }
    String sequences = options.get("decode");
    int tokens = Integer.parseInt(options.get("decode-tokens"));
    int context = Math.max(CONTEXT, most(sequences) * (PROMPT + tokens));
    Matcher decode = PEER_LINE.matcher(batched(folder, PROMPT, tokens, sequences, context));
    while (decode.find()) {
      add(name, "decode " + decode.group("sequences"), Double.parseDouble(decode.group("decode")));
    }
  }

  private static int most(String sequences) {
    return Arrays.stream(sequences.split(",")).mapToInt(Integer::parseInt).max().orElseThrow();
  }

  private String batched(Path folder, int prompt, int tokens, String sequences, int context)
      throws IOException, InterruptedException {
    String threads = options.get("threads");
    return outputOf(
        List.of(
            folder.resolve("llama-batched-bench").toString(),
            "-m",
            options.get("model"),
            "-t",
            threads,
            "-tb",
            threads,
            "-c",
            String.valueOf(context),
            "-b",
            "2048",
            "-ub",
            "512",
            "-npp",
            String.valueOf(prompt),
            "-ntg",
            String.valueOf(tokens),
            "-npl",
            sequences));
  }

  private static String outputOf(List<String> command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException(command + " failed:\n" + output);
    }
    return output;
  }

  private void add(String program, String cell, double rate) {
    rates
        .computeIfAbsent(program, p -> new LinkedHashMap<>())
        .computeIfAbsent(cell, c -> new ArrayList<>())
        .add(rate);
  }

  private String last() {
    StringBuilder text = new StringBuilder();
    rates.forEach((program, cells) -> {
      text.append(program).append(' ');
      cells.forEach((cell, values) -> text.append(format("%s: %.1f  ", cell, values.getLast())));
      text.append("| ");
    });
    return text.toString();
  }

  private void print() {
    System.out.print(format("%-14s", Path.of(options.get("model")).getFileName()));
    rates.keySet().forEach(program -> System.out.print(format("%12s", program)));
    peers.keySet().forEach(peer -> System.out.print(format("%16s", "to " + peer)));
    System.out.println();
    for (String cell : rates.get("serval").keySet()) {
      System.out.print(format("%-14s", cell));
      rates.values().forEach(cells -> System.out.print(format("%12.1f", median(cells, cell))));
      for (String peer : peers.keySet()) {
        double ratio = median(rates.get("serval"), cell) / median(rates.get(peer), cell);
        System.out.print(format("%15.2fx", ratio));
      }
      System.out.println();
    }
  }

  private static double median(Map<String, List<Double>> cells, String cell) {
    List<Double> sorted = cells.getOrDefault(cell, List.of()).stream().sorted().toList();
    int size = sorted.size();
    return size == 0 ? Double.NaN : (sorted.get((size - 1) / 2) + sorted.get(size / 2)) / 2;
  }

  private static String format(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }
}
