package dev.serval.simulator;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.model.StepLimits;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** With blocks for all, everything is found again that was computed before. */
final class PrefixHitsTest {
  private static SimulationReport oneAtATime(Trace trace, int blockTokens) {
    return Simulation.builder(trace)
        .limits(new StepLimits(2048, 1))
        .blockTokens(blockTokens)
        .build()
        .run();
  }

  @Test
  void conversations_hit_exactly_what_their_hash_ids_say() {
    Trace trace = Workloads.conversations(Duration.ofMinutes(20), 0.2, 5, 5);
    SimulationReport report = oneAtATime(trace, 16);

    assertThat(report.all().cachedPromptTokens()).isEqualTo(trace.idealHitTokens(16)).isPositive();
    assertThat(report.all().hitRate())
        .isEqualTo((double) trace.idealHitTokens(16) / trace.promptTokens())
        .isGreaterThan(0.5);
  }

  @Test
  void many_at_once_hit_it_too_when_nobody_arrives_before_the_prefix_is_computed() {
    List<TracedRequest> requests = new ArrayList<>();
    Trace drawn = Workloads.conversations(Duration.ofMinutes(20), 0.2, 5, 9);
    for (TracedRequest request : drawn.requests()) {
      requests.add(
          TracedRequest.of(Duration.ofSeconds(20L * requests.size()), request.promptTokens(), 300)
              .withHashIds(request.hashIds()));
    }
    Trace trace = new Trace(requests, drawn.hashTokens());
    SimulationReport report = Simulation.builder(trace).build().run();

    assertThat(report.all().cachedPromptTokens()).isEqualTo(trace.idealHitTokens(16));
  }

  @RepeatedTest(20)
  void any_trace_hits_exactly_what_its_hash_ids_say(TestReporter reporter) {
    long seed = Long.getLong("serval.seed", System.nanoTime());
    reporter.publishEntry("serval.seed", Long.toString(seed));
    Random random = new Random(seed);
    int hashTokens = random.nextInt(1, 100);
    int blockTokens = random.nextInt(1, 40);
    List<TracedRequest> requests = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      List<Long> ids = random.longs(random.nextInt(8), 0, 3).boxed().toList();
      requests.add(
          TracedRequest.of(
                  Duration.ofMillis(random.nextInt(10_000)),
                  random.nextInt(1, 400),
                  random.nextInt(1, 60))
              .withHashIds(ids));
    }
    Trace trace = new Trace(requests, hashTokens);

    assertThat(oneAtATime(trace, blockTokens).all().cachedPromptTokens())
        .as("seed %d", seed)
        .isEqualTo(trace.idealHitTokens(blockTokens));
  }

  @Test
  void without_shared_ids_or_without_reuse_nothing_is_hit() {
    Trace apart = Workloads.longPromptBursts(Duration.ofMinutes(1), 1, 2, 7);
    Trace shared = Workloads.conversations(Duration.ofMinutes(2), 0.5, 3, 5);

    assertThat(oneAtATime(apart, 16).all().cachedPromptTokens()).isZero();
    assertThat(Simulation.builder(shared).prefixReuse(false).build().run().all().hitRate())
        .isZero();
  }
}
