package dev.serval.command.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.LocalDateTime;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

final class ReportTest {
  private static final long MS = 1_000_000;

  /** Arrives at 0, first chunk after 100 ms, then gaps of 20 and 40 ms. */
  private static final Outcome FIRST =
      new Outcome(0, 0, List.of(100 * MS, 120 * MS, 160 * MS), 161 * MS, 5, 3, "abc", "");

  /** Arrives at 50, waits 30 ms for a place, first chunk 20 ms later, ends after one token. */
  private static final Outcome SECOND =
      new Outcome(50 * MS, 80 * MS, List.of(100 * MS), 100 * MS, 7, 1, "d", "");

  private static final Outcome FAILED =
      new Outcome(60 * MS, 60 * MS, List.of(), 70 * MS, 0, 0, "", "the server is full");

  @Test
  void fields_have_the_names_that_vllm_bench_serve_writes() {
    assertThat(fields(OptionalInt.of(4)))
        .containsKeys(
            ("date endpoint_type backend label model_id tokenizer_id num_prompts request_rate"
                    + " burstiness max_concurrency duration completed failed total_input_tokens"
                    + " total_output_tokens request_throughput request_goodput output_throughput"
                    + " total_token_throughput input_lens output_lens ttfts itls latencies"
                    + " start_times queue_times generated_texts errors max_output_tokens_per_s"
                    + " max_concurrent_requests")
                .split(" "))
        .containsKeys(
            "mean_ttft_ms", "median_ttft_ms", "std_ttft_ms", "p99_ttft_ms", "p99.9_ttft_ms")
        .containsKeys("mean_tpot_ms", "p99.9_tpot_ms", "mean_itl_ms", "p99.9_itl_ms")
        .containsKeys("mean_e2el_ms", "p99_e2el_ms", "mean_client_queue_time_ms")
        .containsKey("mean_e2el_including_client_queue_ms");
  }

  @Test
  void latencies_are_counted_as_vllm_counts_them() {
    assertThat(fields(OptionalInt.empty()))
        .containsEntry("completed", 2)
        .containsEntry("failed", 1)
        .containsEntry("total_input_tokens", 12)
        .containsEntry("total_output_tokens", 4)
        .containsEntry("duration", 0.2)
        .containsEntry("request_throughput", 10.0)
        .containsEntry("output_throughput", 20.0)
        .containsEntry("mean_ttft_ms", 60.0)
        .containsEntry("mean_tpot_ms", 30.0)
        .containsEntry("mean_itl_ms", 30.0)
        .containsEntry("max_itl_ms", 40.0)
        .containsEntry("mean_e2el_ms", 90.0)
        .containsEntry("ttfts", List.of(0.1, 0.02, 0.0))
        .containsEntry("itls", List.of(List.of(0.02, 0.04), List.of(), List.of()))
        .containsEntry("errors", List.of("", "", "the server is full"))
        .containsEntry("max_concurrent_requests", 2)
        .containsEntry("max_output_tokens_per_s", 4.0);
  }

  @Test
  void waiting_for_a_place_on_this_side_is_kept_apart() {
    assertThat(fields(OptionalInt.of(1)))
        .containsEntry("queue_times", List.of(0.0, 0.03, 0.0))
        .containsEntry("max_client_queue_time_ms", 30.0)
        .containsEntry("mean_e2el_including_client_queue_ms", 105.0);
  }

  @Test
  void the_table_shows_each_percentile_and_the_largest() {
    assertThat(report(OptionalInt.empty()).toString())
        .contains("Serving Benchmark Result")
        .containsPattern("Successful requests: +2\n")
        .containsPattern("P99\\.9 \\(ms\\): +99\\.92\n")
        .containsPattern("Inter-token Latency[^=]+Largest \\(ms\\): +40\\.00\n")
        .satisfies(table -> assertThat(table.lines()).allMatch(line -> line.length() == 50));
  }

  @Test
  void a_run_with_a_failure_is_not_clean_and_says_why() {
    assertThat(report(OptionalInt.empty()).clean()).isFalse();
    assertThat(report(OptionalInt.empty()).errors()).containsExactly("the server is full");
  }

  private static Map<String, Object> fields(OptionalInt concurrency) {
    return report(concurrency).fields();
  }

  private static Report report(OptionalInt concurrency) {
    return new Report(
        new Report.Setting(
            LocalDateTime.of(2026, 11, 23, 10, 0),
            "serval",
            "demo",
            5,
            concurrency,
            List.of(99.0, 99.9)),
        new LoadGenerator.Run(List.of(FIRST, SECOND, FAILED), 200 * MS));
  }
}
