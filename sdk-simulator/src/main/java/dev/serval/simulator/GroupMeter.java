package dev.serval.simulator;

import dev.serval.api.batching.SequenceOutcome;

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
        preemptions);
  }
}
