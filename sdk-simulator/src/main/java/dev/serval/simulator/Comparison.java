package dev.serval.simulator;

import dev.serval.api.Timeline;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;

/** Reports of one trace side by side, a column for each policy, as a table for a person. */
public final class Comparison {
  private static final double[] PERCENTILES = {50, 90, 99, 99.9};
  private static final double MILLIS = 1e6;

  private final Map<String, SimulationReport> reports;
  private final StringBuilder table = new StringBuilder();

  private Comparison(Map<String, SimulationReport> reports) {
    this.reports = new LinkedHashMap<>(reports);
  }

  /**
   * Lays reports out.
   *
   * @param reports by the name of what they are reports of, in the order of their columns
   * @return the table's lines, each ended by a line break
   */
  public static String table(Map<String, SimulationReport> reports) {
    return new Comparison(reports).lay();
  }

  private String lay() {
    row("", (name, report) -> name);
    totals();
    group("all requests", SimulationReport::all);
    for (String name : names(SimulationReport::classes)) {
      group("class " + name, report -> Objects.requireNonNull(report.classes().get(name)));
    }
    return table.toString();
  }

  private Set<String> names(Function<SimulationReport, Map<String, RequestGroup>> groups) {
    Set<String> names = new TreeSet<>();
    reports.values().forEach(report -> names.addAll(groups.apply(report).keySet()));
    return names;
  }

  private void totals() {
    row("duration (s)", report -> seconds(report.duration()));
    row("steps", report -> String.valueOf(report.steps()));
    row("output tokens/s", report -> decimal(report.outputThroughput()));
    row("all tokens/s", report -> decimal(report.totalThroughput()));
    row("prefix hit rate", report -> percent(report.all().hitRate()));
    row("recompute tax", report -> percent(report.recomputeTax()));
    row("preemptions", report -> String.valueOf(report.all().preemptions()));
  }

  private void group(String title, Function<SimulationReport, RequestGroup> group) {
    table.append('\n').append(title).append('\n');
    row("  completed", report -> String.valueOf(group.apply(report).completed()));
    row("  refused", report -> String.valueOf(group.apply(report).refused()));
    latencies("  TTFT (ms)", report -> group.apply(report).firstToken());
    latencies("  ITL (ms)", report -> group.apply(report).gap());
    latencies("  end to end (ms)", report -> group.apply(report).total());
    for (Timeline.Cause cause : Timeline.Cause.values()) {
      if (reports.values().stream().anyMatch(r -> group.apply(r).causes().containsKey(cause))) {
        String name = cause.name().toLowerCase(Locale.ROOT).replace('_', ' ');
        row("  time: " + name, report -> percent(group.apply(report).shareOf(cause)));
      }
    }
  }

  private void latencies(String title, Function<SimulationReport, Latencies> latencies) {
    row(title + " mean", report -> millis(latencies.apply(report).mean()));
    for (double percent : PERCENTILES) {
      String name = percent == Math.rint(percent) ? "%.0f" : "%.1f";
      row(
          title + " p" + name.formatted(percent),
          report -> millis(latencies.apply(report).percentile(percent)));
    }
    row(title + " max", report -> millis(latencies.apply(report).max()));
  }

  /** A cell of a row. */
  private interface Cell {
    String of(String name, SimulationReport report);
  }

  private void row(String title, Function<SimulationReport, String> cell) {
    row(title, (name, report) -> cell.apply(report));
  }

  private void row(String title, Cell cell) {
    List<String> cells = new ArrayList<>();
    reports.forEach((name, report) -> cells.add(padded(cell.of(name, report))));
    table.append("%-26s".formatted(title)).append(String.join("", cells)).append('\n');
  }

  private String padded(String cell) {
    int width =
        2 + Math.max(12, reports.keySet().stream().mapToInt(String::length).max().orElse(0));
    return " ".repeat(Math.max(1, width - cell.length())) + cell;
  }

  private static String millis(Duration time) {
    return String.format(Locale.ROOT, "%.2f", time.toNanos() / MILLIS);
  }

  private static String seconds(Duration time) {
    return String.format(Locale.ROOT, "%.2f", time.toMillis() / 1000.0);
  }

  private static String decimal(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.2f %%", share * 100);
  }
}
