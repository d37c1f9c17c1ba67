package dev.serval.simulator;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class ComparisonTest {
  @Test
  void reports_stand_side_by_side() {
    Trace trace = Workloads.longPromptBursts(Duration.ofSeconds(40), 1, 2, 7);
    Map<String, SimulationReport> reports = new LinkedHashMap<>();
    reports.put("plenty", Simulation.builder(trace).build().run());
    reports.put("scarce", Simulation.builder(trace).blocks(300).build().run());

    String table = Comparison.table(reports);

    assertThat(table.lines().findFirst().orElseThrow()).matches(" +plenty +scarce");
    assertThat(table)
        .contains("class batch", "class interactive", "TTFT (ms) p99.9", "recompute tax");
    assertThat(table.lines().filter(line -> line.startsWith("  completed")))
        .hasSize(3)
        .allSatisfy(line -> assertThat(line).containsPattern("\\d+ +\\d+"));
  }
}
