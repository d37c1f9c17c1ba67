package dev.serval.runtime.generation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.FinishReason;
import dev.serval.api.Timeline;
import dev.serval.api.Timeline.Cause;
import dev.serval.api.batching.SequenceOutcome;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

final class CallerTimelinesTest {
  private final CallerTimelines timelines = new CallerTimelines(() -> 100, 10);

  private static SequenceOutcome outcome(long submitted, long ended, @Nullable Timeline timeline) {
    return new SequenceOutcome(
        FinishReason.LENGTH, null, 3, 0, 5, 0, 0, 0, submitted, ended, ended, ended, timeline);
  }

  private static Timeline.Span span(Cause cause, long from, long to, int tokens) {
    return new Timeline.Span(cause, Duration.ofNanos(from), Duration.ofNanos(to - from), tokens);
  }

  @Test
  void what_the_engine_tells_lies_between_submission_and_delivery() {
    Timeline engine =
        new Timeline(List.of(span(Cause.QUEUED, 0, 20, 0), span(Cause.PREFILL, 20, 50, 7)));

    assertThat(timelines.of(List.of(outcome(25, 75, engine))).getFirst().spans())
        .containsExactly(
            span(Cause.SUBMISSION, 0, 15, 0),
            span(Cause.QUEUED, 15, 35, 0),
            span(Cause.PREFILL, 35, 65, 7),
            span(Cause.DELIVERY, 65, 90, 0));
  }

  @Test
  void what_passed_before_the_engine_it_ended_in_went_into_relocation() {
    Timeline last = new Timeline(List.of(span(Cause.DECODE, 0, 30, 5)));

    assertThat(timelines.of(List.of(outcome(20, 70, last))).getFirst().spans())
        .containsExactly(
            span(Cause.SUBMISSION, 0, 10, 0),
            span(Cause.RELOCATION, 10, 30, 0),
            span(Cause.DECODE, 30, 60, 5),
            span(Cause.DELIVERY, 60, 90, 0));
  }

  @Test
  void what_never_came_into_an_engine_again_was_on_its_way_to_the_end() {
    assertThat(timelines.of(List.of(outcome(20, 70, null))).getFirst().spans())
        .containsExactly(
            span(Cause.SUBMISSION, 0, 10, 0),
            span(Cause.RELOCATION, 10, 60, 0),
            span(Cause.DELIVERY, 60, 90, 0));
  }
}
