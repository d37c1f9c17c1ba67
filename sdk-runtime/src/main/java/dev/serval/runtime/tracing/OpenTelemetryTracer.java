package dev.serval.runtime.tracing;

import dev.serval.api.GenerationRequest;
import dev.serval.api.GenerationResult;
import dev.serval.api.Prompt;
import dev.serval.api.Timeline;
import dev.serval.api.Timeline.Cause;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Makes a span of each generation, a child of the caller's, and in it a span of each thing that its
 * time went into: {@code serval.queued}, {@code serval.prefill}, {@code serval.peer_prefill} … by
 * the names of {@link Cause}. Decodes that nothing comes between are one span. Attributes of the
 * generation have the names of OpenTelemetry's conventions for generative AI.
 *
 * <p>Only what is sampled is explained; the others cost a span that does not record. Needs {@code
 * io.opentelemetry:opentelemetry-api}, which Serval does not bring along.
 */
public final class OpenTelemetryTracer implements GenerationTracer {
  private final Tracer tracer;
  private final InstantSource clock;

  /**
   * Spans go where the application's go.
   *
   * @param telemetry the application's telemetry
   * @param clock what time it is
   */
  @SuppressWarnings("exports") // whoever has no such telemetry does not need the module either
  public OpenTelemetryTracer(OpenTelemetry telemetry, InstantSource clock) {
    this.tracer = telemetry.getTracer("dev.serval");
    this.clock = clock;
  }

  @Override
  public Trace begin(String id, String model, GenerationRequest request) {
    String operation = request.prompt() instanceof Prompt.Chat ? "chat" : "text_completion";
    Instant start = clock.instant();
    Span span =
        tracer
            .spanBuilder(operation + " " + model)
            .setSpanKind(SpanKind.INTERNAL)
            .setStartTimestamp(start)
            .setAttribute("gen_ai.operation.name", operation)
            .setAttribute("gen_ai.provider.name", "serval")
            .setAttribute("gen_ai.request.model", model)
            .setAttribute("serval.request.id", id)
            .startSpan();
    return new Live(span, start);
  }

  /** A generation under way. */
  private final class Live implements Trace {
    private final Span span;
    private final Instant start;

    Live(Span span, Instant start) {
      this.span = span;
      this.start = start;
    }

    @Override
    public boolean explained() {
      return span.isRecording();
    }

    @Override
    public void refused(Throwable reason) {
      fail(reason);
      span.end(clock.instant());
    }

    @Override
    public void ended(GenerationResult result, @Nullable Throwable failure) {
      if (span.isRecording()) {
        describe(result, failure);
      }
      span.end(latest(clock.instant(), start.plus(longest(result))));
    }

    private void describe(GenerationResult result, @Nullable Throwable failure) {
      span.setAttribute("gen_ai.usage.input_tokens", result.usage().promptTokens());
      span.setAttribute("gen_ai.usage.output_tokens", result.usage().completionTokens());
      span.setAttribute("serval.usage.cached_tokens", result.usage().cachedPromptTokens());
      if (failure != null) {
        fail(failure);
      }
      Context parent = Context.current().with(span);
      for (int choice = 0; choice < result.timelines().size(); choice++) {
        explain(result.timelines().get(choice).spans(), choice, parent);
      }
    }

    private void fail(Throwable reason) {
      span.recordException(reason);
      span.setStatus(StatusCode.ERROR, String.valueOf(reason.getMessage()));
    }

    private void explain(List<Timeline.Span> spans, int choice, Context parent) {
      int from = 0;
      while (from < spans.size()) {
        int to = from + 1;
        while (to < spans.size() && continues(spans.get(from), spans.get(to))) {
          to++;
        }
        add(spans.subList(from, to), choice, parent);
        from = to;
      }
    }

    private void add(List<Timeline.Span> run, int choice, Context parent) {
      Timeline.Span first = run.getFirst();
      SpanBuilder child =
          tracer
              .spanBuilder("serval." + first.cause().name().toLowerCase(Locale.ROOT))
              .setParent(parent)
              .setStartTimestamp(at(first.start()))
              .setAttribute("serval.tokens", run.stream().mapToLong(Timeline.Span::tokens).sum());
      if (choice > 0) {
        child.setAttribute("serval.choice", choice);
      }
      child.startSpan().end(at(run.getLast().end()));
    }

    private Instant at(Duration offset) {
      return start.plus(offset);
    }
  }

  private static boolean continues(Timeline.Span first, Timeline.Span next) {
    return first.cause() == Cause.DECODE
        && (next.cause() == Cause.DECODE || next.cause() == Cause.ENGINE);
  }

  private static Duration longest(GenerationResult result) {
    return result.timelines().stream()
        .map(Timeline::total)
        .max(Duration::compareTo)
        .orElse(result.timings().total());
  }

  private static Instant latest(Instant left, Instant right) {
    return left.isAfter(right) ? left : right;
  }
}
