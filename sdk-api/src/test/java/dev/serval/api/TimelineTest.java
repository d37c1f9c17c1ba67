package dev.serval.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Timeline.Cause;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

final class TimelineTest {
  private static Timeline.Span span(Cause cause, int from, int to) {
    return new Timeline.Span(cause, Duration.ofMillis(from), Duration.ofMillis(to - from), 0);
  }

  @Test
  void causes_add_up_to_the_whole() {
    Timeline timeline =
        new Timeline(
            List.of(
                span(Cause.QUEUED, 0, 28),
                span(Cause.PREFILL, 28, 58),
                span(Cause.ENGINE, 58, 60),
                span(Cause.OUTSIDE, 60, 70),
                span(Cause.PREFILL, 70, 100)));

    assertThat(timeline.total()).isEqualTo(Duration.ofMillis(100));
    assertThat(timeline.total(Cause.PREFILL)).isEqualTo(Duration.ofMillis(60));
    assertThat(timeline.total(Cause.DECODE)).isZero();
    assertThat(timeline.attributed()).isEqualTo(0.9);
  }

  @Test
  void of_no_time_at_all_nothing_is_left_unexplained() {
    assertThat(new Timeline(List.of()).attributed()).isEqualTo(1);
    assertThat(new Timeline(List.of()).total()).isZero();
  }
}
