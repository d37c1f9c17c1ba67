package dev.serval.runtime.tracing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import dev.serval.api.FinishReason;
import dev.serval.api.GenerationRequest;
import dev.serval.api.GenerationResult;
import dev.serval.api.Prompt;
import dev.serval.api.Timeline;
import dev.serval.api.Timeline.Cause;
import dev.serval.api.Timings;
import dev.serval.api.Usage;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.context.Scope;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.data.StatusData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import org.junit.jupiter.api.Test;

final class OpenTelemetryTracerTest {
  private static final Instant NOON = Instant.parse("2026-01-01T12:00:00Z");
  private static final GenerationRequest REQUEST = GenerationRequest.of(Prompt.text("Hi"));

  private final InMemorySpanExporter exporter = InMemorySpanExporter.create();

  private OpenTelemetrySdk telemetry(Sampler sampler) {
    return OpenTelemetrySdk.builder()
        .setTracerProvider(
            SdkTracerProvider.builder()
                .setSampler(sampler)
                .addSpanProcessor(SimpleSpanProcessor.create(exporter))
                .build())
        .build();
  }

  private OpenTelemetryTracer tracer(OpenTelemetrySdk telemetry) {
    return new OpenTelemetryTracer(telemetry, InstantSource.fixed(NOON));
  }

  private static Timeline.Span span(Cause cause, int from, int to, int tokens) {
    return new Timeline.Span(cause, Duration.ofMillis(from), Duration.ofMillis(to - from), tokens);
  }

  private static GenerationResult result(Timeline timeline) {
    return new GenerationResult(
        List.of(
            new GenerationResult.Choice("Hey", "", List.of(1, 2, 3), List.of(), FinishReason.STOP)),
        List.of(7, 8),
        new Usage(2, 0, 3),
        new Timings(Duration.ZERO, Duration.ofMillis(30), List.of(), Duration.ofMillis(70)),
        List.of(timeline));
  }

  @Test
  void a_generation_is_a_span_of_the_callers_with_a_span_for_each_thing_that_took_time() {
    try (OpenTelemetrySdk telemetry = telemetry(Sampler.alwaysOn())) {
      Span caller = telemetry.getTracer("host").spanBuilder("caller").startSpan();
      GenerationTracer.Trace trace;
      try (Scope _ = caller.makeCurrent()) {
        trace = tracer(telemetry).begin("r1", "tiny", REQUEST);
      }
      assertThat(trace.explained()).isTrue();
      trace.ended(
          result(
              new Timeline(
                  List.of(
                      span(Cause.QUEUED, 0, 10, 0),
                      span(Cause.PREFILL, 10, 30, 2),
                      span(Cause.DECODE, 30, 40, 1),
                      span(Cause.ENGINE, 40, 41, 0),
                      span(Cause.DECODE, 41, 50, 1),
                      span(Cause.PEER_PREFILL, 50, 65, 0),
                      span(Cause.DECODE, 65, 70, 1)))),
          null);

      SpanData whole = exporter.getFinishedSpanItems().getLast();
      assertThat(whole.getName()).isEqualTo("text_completion tiny");
      assertThat(whole.getParentSpanId()).isEqualTo(caller.getSpanContext().getSpanId());
      assertThat(whole.getAttributes().get(AttributeKey.longKey("gen_ai.usage.output_tokens")))
          .isEqualTo(3);
      assertThat(whole.getEndEpochNanos() - whole.getStartEpochNanos()).isEqualTo(70_000_000);
      assertThat(exporter.getFinishedSpanItems())
          .filteredOn(span -> span.getParentSpanId().equals(whole.getSpanId()))
          .extracting(
              SpanData::getName,
              span -> (span.getStartEpochNanos() - whole.getStartEpochNanos()) / 1_000_000,
              span -> (span.getEndEpochNanos() - whole.getStartEpochNanos()) / 1_000_000,
              span -> span.getAttributes().get(AttributeKey.longKey("serval.tokens")))
          .containsExactly(
              tuple("serval.queued", 0L, 10L, 0L),
              tuple("serval.prefill", 10L, 30L, 2L),
              tuple("serval.decode", 30L, 50L, 2L),
              tuple("serval.peer_prefill", 50L, 65L, 0L),
              tuple("serval.decode", 65L, 70L, 1L));
    }
  }

  @Test
  void what_failed_or_was_refused_says_so() {
    try (OpenTelemetrySdk telemetry = telemetry(Sampler.alwaysOn())) {
      tracer(telemetry).begin("r1", "tiny", REQUEST).refused(new IllegalStateException("full"));
      tracer(telemetry)
          .begin("r2", "tiny", REQUEST)
          .ended(result(new Timeline(List.of())), new IllegalStateException("broken"));

      assertThat(exporter.getFinishedSpanItems())
          .extracting(SpanData::getStatus)
          .containsExactly(
              StatusData.create(io.opentelemetry.api.trace.StatusCode.ERROR, "full"),
              StatusData.create(io.opentelemetry.api.trace.StatusCode.ERROR, "broken"));
    }
  }

  @Test
  void what_is_not_sampled_is_not_explained() {
    try (OpenTelemetrySdk telemetry = telemetry(Sampler.alwaysOff())) {
      GenerationTracer.Trace trace = tracer(telemetry).begin("r1", "tiny", REQUEST);

      assertThat(trace.explained()).isFalse();
      trace.ended(result(new Timeline(List.of())), null);
      assertThat(exporter.getFinishedSpanItems()).isEmpty();
    }
  }
}
