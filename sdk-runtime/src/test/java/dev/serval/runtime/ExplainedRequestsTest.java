package dev.serval.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.Generation;
import dev.serval.api.GenerationRequest;
import dev.serval.api.GenerationResult;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.ServingRuntime;
import dev.serval.api.Timeline;
import dev.serval.api.Timeline.Cause;
import dev.serval.runtime.tracing.GenerationTracer;
import dev.serval.runtime.tracing.OpenTelemetryTracer;
import dev.serval.testkit.models.Oracle;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
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
    }
  }

  @Test
  void a_timeline_is_what_the_caller_waits_and_more_than_the_engine_had() throws IOException {
    try (ServingRuntime runtime = builder().build()) {
      long before = System.nanoTime();
      GenerationResult result =
          result(runtime, requests.request(1).choices(3).explained(true).build());
      Duration waited = Duration.ofNanos(System.nanoTime() - before);

      assertThat(result.timelines())
          .extracting(Timeline::total)
          .hasSize(3)
          .containsOnly(result.timelines().getFirst().total())
          .allSatisfy(total -> assertThat(total).isBetween(result.timings().total(), waited));
    }
  }

  @Test
  void what_is_cancelled_tells_of_every_choice_also_of_those_that_never_began() throws IOException {
    try (ServingRuntime runtime = builder().maxRunning(1).streamBuffer(4).build();
        Generation first = runtime.submit(requests.request(0).maxTokens(100).build())) {
      first.iterator().next();
      Generation waiting = runtime.submit(requests.request(1).choices(2).explained(true).build());
      waiting.close();

      assertThat(OracleRequests.result(waiting).timelines())
          .hasSize(2)
          .allSatisfy(ExplainedRequestsTest::assertContiguous);
    }
  }

  private static void assertWhole(Timeline timeline) {
    assertContiguous(timeline);
    assertThat(timeline.spans()).extracting(Timeline.Span::cause).contains(Cause.PREFILL);
  }

  private static void assertContiguous(Timeline timeline) {
    Duration at = Duration.ZERO;
    for (Timeline.Span span : timeline.spans()) {
      assertThat(span.start()).isEqualTo(at);
      at = span.end();
    }
    assertThat(timeline.spans())
        .extracting(Timeline.Span::cause)
        .startsWith(Cause.SUBMISSION)
        .endsWith(Cause.DELIVERY);
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
          .contains("serval.submission", "serval.prefill", "serval.decode", "serval.delivery")
          .endsWith("text_completion tiny");
      SpanData whole = exporter.getFinishedSpanItems().getLast();
      assertThat(exporter.getFinishedSpanItems())
          .allSatisfy(span ->
              assertThat(span.getStartEpochNanos())
                  .isGreaterThanOrEqualTo(whole.getStartEpochNanos()))
          .allSatisfy(span ->
              assertThat(span.getEndEpochNanos()).isLessThanOrEqualTo(whole.getEndEpochNanos()));
    }
  }

  @Test
  void a_tracer_hears_of_requests_that_are_not_taken() throws IOException {
    List<Throwable> refused = new ArrayList<>();
    GenerationTracer tracer =
        (_, _, _) ->
            new GenerationTracer.Trace() {
              @Override
              public boolean explained() {
                return true;
              }

              @Override
              public void refused(Throwable reason) {
                refused.add(reason);
              }

              @Override
              public void ended(GenerationResult result, @Nullable Throwable failure) {}
            };
    try (ServingRuntime runtime = builder().tracer(tracer).build()) {
      assertThatThrownBy(() -> runtime.submit(requests.request(1).maxTokens(1_000_000).build()))
          .isInstanceOf(InvalidRequestException.class);
      assertThat(refused).singleElement().isInstanceOf(InvalidRequestException.class);
    }
  }
}
