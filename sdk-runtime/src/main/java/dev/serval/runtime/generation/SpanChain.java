package dev.serval.runtime.generation;

import dev.serval.api.Timeline;
import dev.serval.api.Timeline.Cause;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Spans that each begin where the one before ends. */
final class SpanChain {
  private final List<Timeline.Span> spans = new ArrayList<>();
  private final long beginNanos;
  private long endNanos;

  /** Without a span yet, beginning at some time of the engine's clock. */
  SpanChain(long beginNanos) {
    this.beginNanos = beginNanos;
    endNanos = beginNanos;
  }

  /** What passes until some time goes into one thing; nothing if that time has been already. */
  void until(long nanos, Cause cause) {
    if (nanos > endNanos) {
      Duration start = Duration.ofNanos(endNanos - beginNanos);
      spans.add(new Timeline.Span(cause, start, Duration.ofNanos(nanos - endNanos), 0));
      endNanos = nanos;
    }
  }

  /** What the engine has written down follows. */
  void then(Timeline timeline) {
    Duration shift = Duration.ofNanos(endNanos - beginNanos);
    for (Timeline.Span span : timeline.spans()) {
      spans.add(
          new Timeline.Span(span.cause(), span.start().plus(shift), span.length(), span.tokens()));
    }
    endNanos += timeline.total().toNanos();
  }

  Timeline timeline() {
    return new Timeline(spans);
  }
}
