package dev.serval.command.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** How fast an engine was, as a table for a person and as fields for a program. */
public final class EngineReport {
  private final String model;
  private final String compute;
  private final Roofline roofline;
  private final boolean bounded;
  private final Map<String, Cell> cells = new LinkedHashMap<>();

  /** One kind of work: what was measured, and what would be possible. */
  private record Cell(List<Double> rates, double possible) {
    double median() {
      return Distribution.of(rates).median();
    }

    double share() {
      return median() / possible;
    }

    Map<String, Object> fields(boolean bounded) {
      Map<String, Object> fields = new LinkedHashMap<>();
      fields.put("tokens_per_second", median());
      fields.put("samples", rates);
      if (bounded) {
        fields.put("roofline", possible);
        fields.put("share_of_roofline", share());
      }
      return fields;
    }
  }

  /**
   * Of a model.
   *
   * @param model its name
   * @param compute what computes it
   * @param roofline what would be possible on the processor
   * @param bounded whether that bounds it: not where another device computes
   */
  public EngineReport(String model, String compute, Roofline roofline, boolean bounded) {
    this.model = model;
    this.compute = compute;
    this.roofline = roofline;
    this.bounded = bounded;
  }

  /**
   * Adds a measurement of a prompt of so many tokens.
   *
   * @param tokens the prompt's tokens
   * @param rate tokens a second
   */
  public void prefill(int tokens, double rate) {
    add("prefill " + tokens, roofline.prefill(tokens), rate);
  }

  /**
   * Adds a measurement of sequences decoded side by side.
   *
   * @param sequences how many
   * @param tokens how many tokens each generated
   * @param rate tokens a second, over all
   */
  public void decode(int sequences, int tokens, double rate) {
    double context = EngineLoad.SHORT_PROMPT + tokens / 2.0;
    add("decode " + sequences, roofline.decode(sequences, context), rate);
  }

  private void add(String name, double possible, double rate) {
    cells.computeIfAbsent(name, n -> new Cell(new ArrayList<>(), possible)).rates().add(rate);
  }

  /**
   * The results for a program.
   *
   * @return values that JSON knows
   */
  public Map<String, Object> fields() {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("model", model);
    fields.put("type", roofline.work().type().name());
    fields.put("compute", compute);
    if (bounded) {
      fields.put("threads", roofline.peaks().threads());
      fields.put("read_gigabytes_per_second", roofline.peaks().readGigabytes());
      fields.put("f32_gigaops_per_second", roofline.peaks().multiplyGigaops());
      fields.put("instructions", roofline.instructions().name());
      fields.put("peak_gigaops_per_second", roofline.gigaops());
    }
    Map<String, Object> results = new LinkedHashMap<>();
    cells.forEach((name, cell) -> results.put(name, cell.fields(bounded)));
    fields.put("results", results);
    return fields;
  }

  /** The table. */
  @Override
  public String toString() {
    StringBuilder table = new StringBuilder();
    line(table, "model      %s, %s", model, roofline.work().type());
    line(table, "compute    %s", compute);
    if (bounded) {
      bounded(table);
    } else {
      line(table, "%-14s %10s", "", "tok/s");
      cells.forEach((name, cell) -> line(table, "%-14s %10.1f", name, cell.median()));
    }
    return table.toString();
  }

  private void bounded(StringBuilder table) {
    line(
        table,
        "machine    %d threads: reads %.1f GB/s, F32 %.0f Gop/s, %s %.0f Gop/s",
        roofline.peaks().threads(),
        roofline.peaks().readGigabytes(),
        roofline.peaks().multiplyGigaops(),
        roofline.instructions().name(),
        roofline.gigaops());
    line(table, "%-14s %10s %10s %10s", "", "tok/s", "possible", "share");
    cells.forEach((name, cell) ->
        line(
            table,
            "%-14s %10.1f %10.1f %9.0f%%",
            name,
            cell.median(),
            cell.possible(),
            100 * cell.share()));
  }

  private static void line(StringBuilder table, String format, Object... values) {
    table.append(String.format(Locale.ROOT, format, values).stripTrailing()).append('\n');
  }
}
