package dev.serval.api;

import java.time.Duration;
import java.util.List;

/**
 * When things happened to a generation, measured by the engine whether or not metrics are set up.
 *
 * @param queue from the hand-over to the engine until the first step that worked on it
 * @param timeToFirstToken from the hand-over until the first token of the first choice (TTFT); the
 *     whole time if there never was one
 * @param gaps the times between consecutive tokens of the first choice (inter-token latency)
 * @param total from the hand-over until the last choice ended
 */
public record Timings(
    Duration queue, Duration timeToFirstToken, List<Duration> gaps, Duration total) {
  /** Copies the gaps. */
  public Timings {
    gaps = List.copyOf(gaps);
  }
}
