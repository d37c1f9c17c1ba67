package dev.serval.runtime.metrics;

import dev.serval.api.FinishReason;
import dev.serval.api.ServiceLevel;
import dev.serval.api.batching.Engine;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.batching.EngineLoad;
import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.SequenceView;
import dev.serval.api.batching.StepPlan;
import dev.serval.api.cache.KvStatistics;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * What is measured of an engine, on its thread; on two threads while a model goes from one engine
 * to the next. All meters are there from the beginning.
 */
public final class EngineMeters implements EngineListener {
  private final MeterRegistry registry;
  private final Tags tags;
  private final Timer step;
  private final DistributionSummary stepTokens;
  private final Timer gap;
  private final Counter queried;
  private final Counter hit;
  private final Counter preemptions;
  private final Counter drafted;
  private final Counter accepted;
  private final SwapMeters swap;
  private final Map<ServiceLevel, LevelMeters> levels = new ConcurrentHashMap<>();
  private @Nullable LevelMeters last;
  private volatile boolean measuring;

  EngineMeters(MeterRegistry registry, Tags tags) {
    this.registry = registry;
    this.tags = tags;
    step = timer("serval.engine.step", "Time of a step, from plan to commit");
    gap = timer("serval.token.gap", "Time between consecutive tokens of a sequence");
    stepTokens =
        DistributionSummary.builder("serval.engine.step.tokens")
            .description("Tokens computed by a step")
            .serviceLevelObjectives(Buckets.tokens())
            .tags(tags)
            .register(registry);
    queried = counter("serval.kv.prefix.queried", "Prompt tokens looked for in the KV cache");
    hit = counter("serval.kv.prefix.hit", "Prompt tokens found in the KV cache");
    preemptions = counter("serval.engine.preemptions", "Sequences that had to give way");
    drafted = counter("serval.draft.tokens", "Tokens that were guessed and verified");
    accepted = counter("serval.draft.accepted", "Tokens that were guessed right and given");
    swap = new SwapMeters(registry, tags);
  }

  private Timer timer(String name, String description) {
    Duration[] buckets = Buckets.token();
    return Timer.builder(name)
        .description(description)
        .serviceLevelObjectives(buckets)
        .tags(tags)
        .register(registry);
  }

  private Counter counter(String name, String description) {
    return Counter.builder(name).description(description).tags(tags).register(registry);
  }

  void begin(Engine engine) {
    gauge("serval.engine.running", "Sequences that hold KV", engine, EngineLoad::running);
    gauge("serval.engine.waiting", "Sequences that wait", engine, EngineLoad::waiting);
    gauge(
        "serval.kv.blocks.used",
        "KV blocks that sequences hold",
        engine,
        load -> load.totalBlocks() - load.freeBlocks());
    gauge("serval.kv.blocks.total", "KV blocks", engine, EngineLoad::totalBlocks);
    measuring = true;
  }

  private void gauge(
      String name, String description, Engine engine, ToIntFunction<EngineLoad> value) {
    Gauge.builder(name, engine, measured -> value.applyAsInt(measured.load()))
        .description(description)
        .tags(tags)
        .register(registry);
  }

  @Override
  public void step(StepPlan plan, long nanos) {
    if (measuring) {
      step.record(nanos, TimeUnit.NANOSECONDS);
      stepTokens.record(plan.tokens());
    }
  }

  @Override
  public void token(SequenceView sequence, long sinceNanos, boolean first) {
    if (measuring) {
      level(sequence).token(sinceNanos, first);
      if (!first) {
        gap.record(sinceNanos, TimeUnit.NANOSECONDS);
      }
    }
  }

  @Override
  public void verified(SequenceView sequence, int guessed, int right) {
    if (measuring) {
      drafted.increment(guessed);
      accepted.increment(right);
    }
  }

  @Override
  public void started(SequenceView sequence, long queuedNanos) {
    if (measuring) {
      queried.increment(sequence.promptTokens());
      hit.increment(sequence.cachedPromptTokens());
    }
  }

  @Override
  public void preempted(SequenceView sequence, int lostTokens) {
    if (measuring) {
      preemptions.increment();
      level(sequence).preempted();
    }
  }

  @Override
  public void swapped(KvStatistics.Swap moved) {
    if (measuring) {
      swap.moved(moved);
    }
  }

  @Override
  public void yielded(SequenceView sequence) {
    if (measuring) {
      level(sequence).yielded();
    }
  }

  @Override
  public void ended(SequenceView sequence, SequenceOutcome outcome) {
    if (measuring && outcome.reason() == FinishReason.DEADLINE) {
      level(sequence).expired();
    }
  }

  /** The meters of a sequence's class; as a rule those of the sequence before it. */
  private LevelMeters level(SequenceView sequence) {
    ServiceLevel level = sequence.level();
    LevelMeters meters = last;
    if (meters == null || !meters.measures(level)) {
      meters = levels.computeIfAbsent(level, key -> new LevelMeters(registry, tags, key));
      last = meters;
    }
    return meters;
  }
}
