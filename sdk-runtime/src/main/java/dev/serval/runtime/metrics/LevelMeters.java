package dev.serval.runtime.metrics;

import dev.serval.api.ServiceLevel;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** What is measured of one class of sequences, on the engine's thread. */
final class LevelMeters {
  private final ServiceLevel level;
  private final Timer ttft;
  private final Timer gap;
  private final Counter ttftMet;
  private final Counter ttftMissed;
  private final Counter gapMet;
  private final Counter gapMissed;
  private final Counter yielded;
  private final Counter preempted;
  private final Counter expired;

  LevelMeters(MeterRegistry registry, Tags model, ServiceLevel level) {
    this.level = level;
    Tags tags = model.and("serval.level", level.name());
    ttft =
        timer(registry, tags, "serval.level.ttft", "Time to the first token", Buckets.firstToken());
    gap = timer(registry, tags, "serval.level.gap", "Time between tokens", Buckets.token());
    ttftMet = target(registry, tags, "ttft", "met");
    ttftMissed = target(registry, tags, "ttft", "missed");
    gapMet = target(registry, tags, "tpot", "met");
    gapMissed = target(registry, tags, "tpot", "missed");
    yielded = yielded(registry, tags, "decode");
    preempted = yielded(registry, tags, "preemption");
    expired =
        Counter.builder("serval.level.expired")
            .description("Sequences whose deadline passed")
            .tags(tags)
            .register(registry);
  }

  private static Timer timer(
      MeterRegistry registry, Tags tags, String name, String description, Duration... buckets) {
    return Timer.builder(name)
        .description(description + ", by class")
        .serviceLevelObjectives(buckets)
        .tags(tags)
        .register(registry);
  }

  private static Counter target(MeterRegistry registry, Tags tags, String target, String outcome) {
    return Counter.builder("serval.level.target")
        .description("Tokens that came within the target of their class, or later")
        .tags(tags.and("target", target, "outcome", outcome))
        .register(registry);
  }

  private static Counter yielded(MeterRegistry registry, Tags tags, String how) {
    return Counter.builder("serval.level.yielded")
        .description("Decodes left out of a step for higher classes, and sequences that gave way")
        .tags(tags.and("how", how))
        .register(registry);
  }

  boolean measures(ServiceLevel other) {
    return level.equals(other);
  }

  void token(long sinceNanos, boolean first) {
    if (first) {
      ttft.record(sinceNanos, TimeUnit.NANOSECONDS);
      count(sinceNanos, level.ttftNanos(), ttftMet, ttftMissed);
    } else {
      gap.record(sinceNanos, TimeUnit.NANOSECONDS);
      count(sinceNanos, level.tpotNanos(), gapMet, gapMissed);
    }
  }

  private static void count(long nanos, long target, Counter met, Counter missed) {
    if (target != Long.MAX_VALUE) {
      (nanos <= target ? met : missed).increment();
    }
  }

  void yielded() {
    yielded.increment();
  }

  void preempted() {
    preempted.increment();
  }

  void expired() {
    expired.increment();
  }
}
