package dev.serval.command.bench;

import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * How a run went, as a table for a person and as the fields that {@code vllm bench serve} writes,
 * so that what reads its results reads these. Fields in milliseconds end in {@code _ms}; lists of
 * times are in seconds. Beyond vLLM's there are {@code max_ttft_ms} … {@code max_itl_ms}: the
 * largest.
 */
public final class Report {
  private static final double NANOS = 1e9;
  private static final int WIDTH = 50;

  private final Setting setting;
  private final List<Outcome> outcomes;
  private final List<Outcome> completed;
  private final double duration;
  private final Map<String, Distribution> latencies = new LinkedHashMap<>();

  /**
   * What was run.
   *
   * @param when when it was run
   * @param backend what kind of target it was
   * @param model the model's served name
   * @param rate requests a second, infinite for all at once
   * @param maxConcurrency the limit of concurrent requests if there was one
   * @param percentiles which percentiles are wanted, from 0 to 100
   */
  public record Setting(
      LocalDateTime when,
      String backend,
      String model,
      double rate,
      OptionalInt maxConcurrency,
      List<Double> percentiles) {
    /** Copies the list. */
    public Setting {
      percentiles = List.copyOf(percentiles);
    }
  }

  /**
   * Sums a run up.
   *
   * @param setting what was run
   * @param run what became of it
   */
  public Report(Setting setting, LoadGenerator.Run run) {
    this.setting = setting;
    this.outcomes = run.outcomes();
    this.completed = outcomes.stream().filter(Outcome::succeeded).toList();
    this.duration = run.nanos() / NANOS;
    measure("ttft", completed, Outcome::timeToFirstToken);
    measure(
        "tpot",
        completed.stream().filter(o -> o.completionTokens() > 1).toList(),
        Outcome::timePerOutputToken);
    latencies.put("itl", Distribution.of(flat(completed, Outcome::gaps)));
    measure("e2el", completed, Outcome::latency);
    if (setting.maxConcurrency().isPresent()) {
      measure("client_queue_time", completed, Outcome::queueTime);
      measure("e2el_including_client_queue", completed, o -> o.latency() + o.queueTime());
    }
  }

  private void measure(String name, List<Outcome> some, Function<Outcome, Double> value) {
    latencies.put(name, Distribution.of(some.stream().map(value).toList()));
  }

  private static <T> List<T> flat(
      List<Outcome> some, Function<Outcome, ? extends Collection<T>> values) {
    return some.stream().map(values).flatMap(Collection::stream).toList();
  }

  /**
   * Whether every request was answered.
   *
   * @return false if one or more failed
   */
  public boolean clean() {
    return completed.size() == outcomes.size();
  }

  /**
   * What went wrong.
   *
   * @return the different errors
   */
  public List<String> errors() {
    return outcomes.stream().map(Outcome::error).filter(e -> !e.isEmpty()).distinct().toList();
  }

  private int inputTokens() {
    return completed.stream().mapToInt(Outcome::promptTokens).sum();
  }

  private int outputTokens() {
    return completed.stream().mapToInt(Outcome::completionTokens).sum();
  }

  /**
   * The results by vLLM's names.
   *
   * @return values that JSON knows: strings, numbers, lists and null
   */
  public Map<String, @Nullable Object> fields() {
    Map<String, @Nullable Object> fields = new LinkedHashMap<>();
    fields.put("date", setting.when().format(DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss")));
    fields.put("endpoint_type", setting.backend());
    fields.put("backend", setting.backend());
    fields.put("label", null);
    fields.put("model_id", setting.model());
    fields.put("tokenizer_id", setting.model());
    fields.put("num_prompts", outcomes.size());
    fields.put("request_rate", Double.isInfinite(setting.rate()) ? "inf" : setting.rate());
    fields.put("burstiness", 1.0);
    fields.put(
        "max_concurrency",
        setting.maxConcurrency().isPresent() ? setting.maxConcurrency().getAsInt() : null);
    putTotals(fields);
    putRequests(fields);
    latencies.forEach((name, values) -> putLatency(fields, name, values));
    return fields;
  }

  private void putTotals(Map<String, @Nullable Object> fields) {
    fields.put("duration", duration);
    fields.put("completed", completed.size());
    fields.put("failed", outcomes.size() - completed.size());
    fields.put("total_input_tokens", inputTokens());
    fields.put("total_output_tokens", outputTokens());
    fields.put("request_throughput", completed.size() / duration);
    fields.put("request_goodput", null);
    fields.put("output_throughput", outputTokens() / duration);
    fields.put("total_token_throughput", (inputTokens() + outputTokens()) / duration);
    fields.put("max_output_tokens_per_s", (double) Peaks.chunksInOneSecond(completed));
    fields.put("max_concurrent_requests", Peaks.concurrency(completed));
  }

  private void putRequests(Map<String, @Nullable Object> fields) {
    putEach(fields, "input_lens", Outcome::promptTokens);
    putEach(fields, "output_lens", o -> o.succeeded() ? o.completionTokens() : 0);
    putEach(fields, "ttfts", Outcome::timeToFirstToken);
    putEach(fields, "itls", Outcome::gaps);
    putEach(fields, "latencies", Outcome::latency);
    putEach(fields, "start_times", Outcome::startTime);
    putEach(fields, "queue_times", Outcome::queueTime);
    putEach(fields, "generated_texts", Outcome::text);
    putEach(fields, "errors", Outcome::error);
  }

  private void putEach(
      Map<String, @Nullable Object> fields, String name, Function<Outcome, Object> value) {
    fields.put(name, outcomes.stream().map(value).toList());
  }

  private void putLatency(Map<String, @Nullable Object> fields, String name, Distribution values) {
    fields.put("mean_" + name + "_ms", millis(values.mean()));
    fields.put("median_" + name + "_ms", millis(values.median()));
    fields.put("std_" + name + "_ms", millis(values.deviation()));
    for (double percent : setting.percentiles()) {
      fields.put("p" + plain(percent) + "_" + name + "_ms", millis(values.percentile(percent)));
    }
    fields.put("max_" + name + "_ms", millis(values.max()));
  }

  /** The results as a table. */
  @Override
  public String toString() {
    StringBuilder table = new StringBuilder();
    heading(table, " Serving Benchmark Result ", '=');
    line(table, "Successful requests:", "%d", completed.size());
    line(table, "Failed requests:", "%d", outcomes.size() - completed.size());
    setting.maxConcurrency().ifPresent(n -> line(table, "Maximum request concurrency:", "%d", n));
    if (!Double.isInfinite(setting.rate())) {
      line(table, "Request rate configured (req/s):", "%.2f", setting.rate());
    }
    line(table, "Benchmark duration (s):", "%.2f", duration);
    line(table, "Total input tokens:", "%d", inputTokens());
    line(table, "Total generated tokens:", "%d", outputTokens());
    line(table, "Request throughput (req/s):", "%.2f", completed.size() / duration);
    line(table, "Output token throughput (tok/s):", "%.2f", outputTokens() / duration);
    line(
        table,
        "Total token throughput (tok/s):",
        "%.2f",
        (inputTokens() + outputTokens()) / duration);
    line(table, "Peak concurrent requests:", "%d", Peaks.concurrency(completed));
    section(table, "Time to First Token", "ttft");
    section(table, "Time per Output Token (excl. 1st)", "tpot");
    section(table, "Inter-token Latency", "itl");
    section(table, "End-to-end Latency", "e2el");
    if (setting.maxConcurrency().isPresent()) {
      section(table, "Client-side Queueing", "client_queue_time");
    }
    return table.append("=".repeat(WIDTH)).append('\n').toString();
  }

  private void section(StringBuilder table, String title, String name) {
    Distribution values = latencies.get(name);
    if (values == null) {
      return;
    }
    heading(table, title, '-');
    line(table, "Mean (ms):", "%.2f", millis(values.mean()));
    line(table, "Median (ms):", "%.2f", millis(values.median()));
    for (double percent : setting.percentiles()) {
      line(table, "P" + plain(percent) + " (ms):", "%.2f", millis(values.percentile(percent)));
    }
    line(table, "Largest (ms):", "%.2f", millis(values.max()));
  }

  private static void heading(StringBuilder table, String title, char fill) {
    char[] side = new char[(WIDTH - title.length()) / 2];
    Arrays.fill(side, fill);
    table.append(side).append(title).append(side);
    table.append(String.valueOf(fill).repeat(title.length() % 2)).append('\n');
  }

  private static void line(StringBuilder table, String label, String format, Object value) {
    table.append(
        String.format(
            Locale.ROOT, "%-38s %11s%n", label, String.format(Locale.ROOT, format, value)));
  }

  /** Seconds as milliseconds, to the nanosecond. */
  private static double millis(double seconds) {
    return Math.rint(seconds * NANOS) / 1e6;
  }

  private static String plain(double percent) {
    return percent == Math.rint(percent) ? String.valueOf((long) percent) : String.valueOf(percent);
  }
}
