package dev.serval.server.openai;

import dev.serval.api.GenerationResult;
import dev.serval.api.Timeline;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Where the time of one choice went, from the request's submission to the runtime until the result
 * is complete.
 *
 * @param totalMs all of it
 * @param attributed the share that has a cause in the request, its reader, its peers or the engine
 * @param spans what happened, one after the other
 */
public record TimelineBody(double totalMs, double attributed, List<SpanBody> spans) {
  private static final double NANOS = 1e6;

  /** A time in which one thing happened, and how many of the choice's tokens it computed. */
  public record SpanBody(String cause, double startMs, double durationMs, int tokens) {
    static SpanBody of(Timeline.Span span) {
      return new SpanBody(
          span.cause().name().toLowerCase(Locale.ROOT),
          millis(span.start()),
          millis(span.length()),
          span.tokens());
    }
  }

  /** One for each choice, those of the first prompt first; null where nobody asked. */
  static @Nullable List<TimelineBody> of(List<GenerationResult> results) {
    List<TimelineBody> all =
        results.stream()
            .flatMap(result -> result.timelines().stream())
            .map(TimelineBody::of)
            .toList();
    return all.isEmpty() ? null : all;
  }

  private static TimelineBody of(Timeline timeline) {
    return new TimelineBody(
        millis(timeline.total()),
        timeline.attributed(),
        timeline.spans().stream().map(SpanBody::of).toList());
  }

  private static double millis(Duration time) {
    return time.toNanos() / NANOS;
  }
}
