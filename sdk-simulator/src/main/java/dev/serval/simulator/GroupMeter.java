package dev.serval.simulator;

import dev.serval.api.Timeline;
import dev.serval.api.batching.SequenceOutcome;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;

/** Counts what becomes of the requests of a group. */
final class GroupMeter {
  private final Latencies.Collector queue = new Latencies.Collector();
  private final Latencies.Collector firstToken = new Latencies.Collector();
  private final Latencies.Collector gap = new Latencies.Collector();
  private final Latencies.Collector total = new Latencies.Collector();
  private int arrived;
  private int refused;
  private int completed;
  private long promptTokens;
  private long cachedPromptTokens;
  private long generatedTokens;
  private int preemptions;
  private final Map<Timeline.Cause, Duration> causes = new EnumMap<>(Timeline.Cause.class);

  void arrived() {
    arrived++;
  }

  void refused() {
    refused++;
  }

  void gap(long nanos) {
    gap.add(nanos);
  }

  void ended(SequenceOutcome outcome) {
    if (outcome.failure() == null) {
      completed++;
      long from = outcome.submittedNanos();
      queue.add(outcome.firstStepNanos() - from);
      firstToken.add(outcome.firstTokenNanos() - from);
      total.add(outcome.endedNanos() - from);
      promptTokens += outcome.promptTokens();
      cachedPromptTokens += outcome.cachedPromptTokens();
      generatedTokens += outcome.generatedTokens();
    }
    preemptions += outcome.preemptions();
    if (outcome.timeline() != null) {
      outcome.timeline().spans().forEach(this::spent);
    }
  }

  private void spent(Timeline.Span span) {
    causes.merge(span.cause(), span.length(), Duration::plus);
  }

  RequestGroup group() {
    return new RequestGroup(
        arrived,
        refused,
        completed,
        queue.latencies(),
        firstToken.latencies(),
        gap.latencies(),
        total.latencies(),
        promptTokens,
        cachedPromptTokens,
        generatedTokens,
        preemptions,
        causes);
  }
}
