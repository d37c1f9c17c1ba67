package dev.serval.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.serval.api.Generation;
import dev.serval.api.ServingRuntime;
import dev.serval.testkit.models.Oracle;
import io.micrometer.core.instrument.Meter;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a registry is told, as Prometheus shows it. */
final class MetricsTest {
  @TempDir Path folder;

  @Test
  void serving_is_measured_under_the_names_of_open_telemetry_and_leaves_nothing_behind()
      throws IOException {
    PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    OracleRequests requests = new OracleRequests(Oracle.named("llama"));
    try (ServingRuntime runtime =
        Serval.builder()
            .model(ModelSource.of(requests.oracle().folder(folder)).withNames("tiny", "alias"))
            .meters(registry)
            .streamBuffer(4)
            .build()) {
      assertThat(registry.scrape()).as("warming up").doesNotContain("serval_requests_total");
      requests.check(runtime, 3, "cold");
      requests.check(runtime, 3, "warm");
      Generation cancelled = runtime.submit(requests.request(1).model("alias").build());
      cancelled.close();
      OracleRequests.result(cancelled);
      var _ = catchThrowable(() -> runtime.submit(requests.request(1).model("x").build()).close());
      assertMeasured(registry);
      assertThat(registry.scrape()).doesNotContain("\"x\"");
    }
    assertThat(registry.getMeters()).extracting(Meter::getId).isEmpty();
  }

  private static void assertMeasured(PrometheusMeterRegistry registry) {
    String requests = ",gen_ai_request_model=\"tiny\",gen_ai_response_model=\"tiny\"";
    assertThat(registry.scrape().lines())
        .contains(
            "serval_requests_total{gen_ai_request_model=\"tiny\",outcome=\"length\",serval_runtime=\"serval\"} 2.0",
            "serval_requests_total{gen_ai_request_model=\"alias\",outcome=\"cancelled\",serval_runtime=\"serval\"} 1.0",
            "serval_requests_total{gen_ai_request_model=\"none\",outcome=\"invalid\",serval_runtime=\"serval\"} 1.0",
            "serval_kv_blocks_used{gen_ai_response_model=\"tiny\",serval_runtime=\"serval\"} 0.0",
            "serval_engine_running{gen_ai_response_model=\"tiny\",serval_runtime=\"serval\"} 0.0",
            "serval_engine_preemptions_total{gen_ai_response_model=\"tiny\",serval_runtime=\"serval\"} 0.0",
            "serval_level_yielded_total{gen_ai_response_model=\"tiny\",how=\"preemption\",serval_level=\"interactive\",serval_runtime=\"serval\"} 0.0",
            "serval_kv_prefix_hit_total{gen_ai_response_model=\"tiny\",serval_runtime=\"serval\"} 80.0",
            "gen_ai_server_time_to_first_token_seconds_count{gen_ai_operation_name=\"text_completion\",gen_ai_provider_name=\"serval\""
                + requests
                + ",serval_runtime=\"serval\"} 2",
            "gen_ai_client_token_usage_token_sum{gen_ai_operation_name=\"text_completion\",gen_ai_provider_name=\"serval\""
                + requests
                + ",gen_ai_token_type=\"output\",serval_runtime=\"serval\"} 48.0");
    for (String histogram :
        List.of(
            "gen_ai_server_request_duration_seconds_bucket",
            "gen_ai_server_time_to_first_token_seconds_bucket",
            "gen_ai_server_time_per_output_token_seconds_bucket",
            "serval_request_queue_seconds_bucket",
            "serval_token_gap_seconds_bucket",
            "serval_level_ttft_seconds_bucket",
            "serval_level_gap_seconds_bucket",
            "serval_level_target_total{",
            "serval_engine_step_seconds_bucket",
            "serval_engine_step_tokens_bucket")) {
      assertThat(registry.scrape()).contains(histogram);
    }
  }
}
