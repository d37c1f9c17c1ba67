package dev.serval.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Generation;
import dev.serval.api.GenerationRequest;
import dev.serval.api.GenerationResult;
import dev.serval.api.ServingRuntime;
import dev.serval.api.Timeline;
import dev.serval.api.Timeline.Cause;
import dev.serval.runtime.tracing.OpenTelemetryTracer;
import dev.serval.testkit.Oracle;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Served requests tell where their time went, to callers and to tracers. */
final class ExplainedRequestsTest {
  private final OracleRequests requests = new OracleRequests(Oracle.named("llama"));

  @TempDir private Path folder;

  private ServingRuntimeBuilder builder() throws IOException {
    return Serval.builder()
        .model(ModelSource.of(requests.oracle().folder(folder)).withNames("tiny"));
  }

  private static GenerationResult result(ServingRuntime runtime, GenerationRequest request) {
    try (Generation generation = runtime.submit(request)) {
      return OracleRequests.result(generation);
    }
  }

  @Test
  void who_asks_is_told_about_every_choice() throws IOException {
    try (ServingRuntime runtime = builder().build()) {
      GenerationResult result =
          result(runtime, requests.request(1).choices(3).explained(true).build());

      assertThat(result.timelines()).hasSize(3).allSatisfy(ExplainedRequestsTest::assertWhole);
      Timeline first = result.timelines().getFirst();
      assertThat(first.total(Cause.DECODE)).isPositive();
      assertThat(first.spans().stream().mapToInt(Timeline.Span::tokens).sum())
          .isEqualTo(
              result.usage().promptTokens()
                  - result.usage().cachedPromptTokens()
                  + result.choices().getFirst().tokenIds().size()
                  - 1);
      assertThat(first.total()).isLessThanOrEqualTo(result.timings().total());
    }
  }

  private static void assertWhole(Timeline timeline) {
    Duration at = Duration.ZERO;
    for (Timeline.Span span : timeline.spans()) {
      assertThat(span.start()).isEqualTo(at);
      at = span.end();
    }
    assertThat(timeline.spans()).extracting(Timeline.Span::cause).contains(Cause.PREFILL);
  }

  @Test
  void who_does_not_ask_is_not_told() throws IOException {
    try (ServingRuntime runtime = builder().build()) {
      assertThat(result(runtime, requests.request(1).build()).timelines()).isEmpty();
    }
  }

  @Test
  void a_tracer_is_told_of_all_but_the_warm_up_and_tells_no_caller() throws IOException {
    InMemorySpanExporter exporter = InMemorySpanExporter.create();
    try (OpenTelemetrySdk telemetry =
            OpenTelemetrySdk.builder()
                .setTracerProvider(
                    SdkTracerProvider.builder()
                        .addSpanProcessor(SimpleSpanProcessor.create(exporter))
                        .build())
                .build();
        ServingRuntime runtime =
            builder().tracer(new OpenTelemetryTracer(telemetry, InstantSource.system())).build()) {
      assertThat(exporter.getFinishedSpanItems()).isEmpty();
      assertThat(result(runtime, requests.request(1).build()).timelines()).isEmpty();

      assertThat(exporter.getFinishedSpanItems())
          .extracting(SpanData::getName)
          .contains("serval.prefill", "serval.decode")
          .endsWith("text_completion tiny");
    }
  }
}
