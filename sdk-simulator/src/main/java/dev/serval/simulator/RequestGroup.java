package dev.serval.simulator;

import dev.serval.api.Timeline;
import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * What became of some requests: all, those of a class or those of a tenant. Times are those of the
 * admitted ones, counted from their arrival.
 *
 * @param arrived how many arrived
 * @param refused how many of them were not admitted
 * @param completed how many came to their last token
 * @param queue until the first step that worked on a request
 * @param firstToken until a request's first token (TTFT)
 * @param gap between two tokens of a request (ITL)
 * @param total until a request's end
 * @param promptTokens the prompt tokens of the completed
 * @param cachedPromptTokens those found in the cache when a request first ran
 * @param generatedTokens the tokens they generated
 * @param preemptions how often one of them had to give way
 * @param causes what their time went into, all of them together; empty unless that was asked
 */
public record RequestGroup(
    int arrived,
    int refused,
    int completed,
    Latencies queue,
    Latencies firstToken,
    Latencies gap,
    Latencies total,
    long promptTokens,
    long cachedPromptTokens,
    long generatedTokens,
    int preemptions,
    Map<Timeline.Cause, Duration> causes) {
  /** Copies the map. */
  public RequestGroup {
    causes = Collections.unmodifiableMap(new TreeMap<>(causes));
  }

  /**
   * How much of the prompts was found in the cache.
   *
   * @return a share of the prompt tokens, from 0 to 1
   */
  public double hitRate() {
    return promptTokens == 0 ? 0 : (double) cachedPromptTokens / promptTokens;
  }

  /**
   * How much of their time went into something.
   *
   * @param cause into what
   * @return a share of their time from arrival to end, from 0 to 1
   */
  public double shareOf(Timeline.Cause cause) {
    long all = causes.values().stream().mapToLong(Duration::toNanos).sum();
    long one = causes.getOrDefault(cause, Duration.ZERO).toNanos();
    return all == 0 ? 0 : (double) one / all;
  }
}
