package dev.serval.simulator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.serval.api.Timeline;
import dev.serval.api.Timeline.Cause;
import dev.serval.api.batching.BatchingPolicies;
import dev.serval.api.batching.ChunkPolicy;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.batching.EngineSequence;
import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.api.batching.SequenceView;
import dev.serval.api.batching.StepPlan;
import dev.serval.api.batching.TokenSink;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.DType;
import dev.serval.api.model.SampledToken;
import dev.serval.api.model.StepLimits;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.batching.AdmissionPolicies;
import dev.serval.batching.ChunkPolicies;
import dev.serval.batching.EngineOptions;
import dev.serval.batching.OrderPolicies;
import dev.serval.batching.SteppedEngine;
import dev.serval.batching.VictimPolicies;
import dev.serval.cache.PagedKvCache;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Each cause of waiting, in an engine whose every nanosecond is known. */
final class ExplainedLatencyTest {
  /** A step takes 1 ms, a prompt token 10 µs, a decode 100 µs. */
  private static final MachineCosts ROUND = new MachineCosts(1e6, 0, 1e4, 0, 1e5);

  private static final int BLOCK_TOKENS = 16;

  private final VirtualClock clock = new VirtualClock();
  private int submitted;

  private SteppedEngine engine(int blocks, ChunkPolicy chunk) {
    return engine(blocks, chunk, EngineListener.NONE);
  }

  private SteppedEngine engine(int blocks, ChunkPolicy chunk, EngineListener listener) {
    CostedModel model = new CostedModel(ROUND, 0, new Random(1), clock, clock::set, new StepLog());
    return SteppedEngine.of(
        new EngineOptions(
            "explained",
            model,
            new PagedKvCache(
                new KvLayout(1, 1, 1, BLOCK_TOKENS, DType.F32),
                blocks,
                ArtefactDigest.of(new byte[32]),
                model.numerics(),
                false),
            new StepLimits(2048, 8),
            Integer.MAX_VALUE,
            new BatchingPolicies(
                AdmissionPolicies.maxWaiting(100),
                OrderPolicies.firstComeFirstServed(),
                chunk,
                VictimPolicies.lastIn()),
            listener,
            clock::nanos,
            Thread.ofPlatform()::unstarted));
  }

  private static SteppedEngine run(SteppedEngine engine) {
    boolean more = true;
    while (more) {
      more = engine.step();
    }
    return engine;
  }

  /** Reads a sequence, and pauses it once if it is told to. */
  private final class Reader implements TokenSink {
    final EngineSequence sequence;
    private final int pauseAfter;
    private int tokens;
    private SequenceOutcome outcome;

    Reader(SteppedEngine engine, int promptTokens, int outputTokens, int pauseAfter) {
      this.pauseAfter = pauseAfter;
      int number = submitted++;
      TracedRequest request = TracedRequest.of(Duration.ZERO, promptTokens, outputTokens);
      sequence =
          engine.submit(
              SequenceRequest.builder(
                      "r" + number, new TracePrompts(16).prompt(request, number), outputTokens)
                  .explained(true)
                  .build(),
              this);
    }

    @Override
    public Verdict token(SampledToken token) {
      return ++tokens == pauseAfter ? Verdict.PAUSE : Verdict.CONTINUE;
    }

    @Override
    public void ended(SequenceOutcome end) {
      outcome = end;
    }

    Timeline timeline() {
      Timeline timeline = Objects.requireNonNull(outcome.timeline());
      assertWhole(outcome);
      return timeline;
    }

    List<Cause> causes() {
      return timeline().spans().stream().map(Timeline.Span::cause).toList();
    }
  }

  private static void assertWhole(SequenceOutcome outcome) {
    Timeline timeline = Objects.requireNonNull(outcome.timeline());
    long at = 0;
    for (Timeline.Span span : timeline.spans()) {
      assertThat(span.start().toNanos()).isEqualTo(at);
      at = span.end().toNanos();
    }
    assertThat(at).isEqualTo(outcome.endedNanos() - outcome.submittedNanos());
    assertThat(timeline.attributed()).isGreaterThanOrEqualTo(0.99);
  }

  @Test
  void a_request_alone_spends_its_time_on_its_own_tokens() {
    SteppedEngine engine = engine(100, ChunkPolicies.fixedBudget(60));
    Reader reader = new Reader(engine, 100, 3, 0);
    run(engine);

    assertThat(reader.timeline().spans())
        .containsExactly(
            new Timeline.Span(Cause.PREFILL, Duration.ZERO, Duration.ofNanos(1_600_000), 60),
            new Timeline.Span(
                Cause.PREFILL, Duration.ofNanos(1_600_000), Duration.ofNanos(1_400_000), 40),
            new Timeline.Span(
                Cause.DECODE, Duration.ofNanos(3_000_000), Duration.ofNanos(1_100_000), 1),
            new Timeline.Span(
                Cause.DECODE, Duration.ofNanos(4_100_000), Duration.ofNanos(1_100_000), 1));
  }

  @Test
  void a_reader_that_is_behind_is_its_own_cause() {
    SteppedEngine engine = engine(100, ChunkPolicies.fixedBudget(100));
    Reader reader = new Reader(engine, 10, 4, 2);
    run(engine);
    clock.set(clock.nanos() + 50_000_000);
    reader.sequence.resume();
    run(engine);

    assertThat(reader.causes())
        .containsExactly(
            Cause.PREFILL, Cause.DECODE, Cause.READER_PAUSE, Cause.DECODE, Cause.DECODE);
    assertThat(reader.timeline().total(Cause.READER_PAUSE)).isEqualTo(Duration.ofMillis(50));
  }

  @Test
  void the_prompts_of_others_are_the_cause_of_a_long_gap() {
    SteppedEngine engine = engine(1000, ChunkPolicies.fixedBudget(2048));
    for (int i = 0; i < 30; i++) {
      new Reader(engine, 20 + 37 * i % 200, 2 + i % 3, 0);
      run(engine);
    }
    Reader reader = new Reader(engine, 10, 40, 0);
    engine.step();
    engine.step();
    new Reader(engine, 500, 1, 0);
    run(engine);

    assertThat(reader.timeline().total(Cause.PEER_PREFILL).toNanos())
        .isCloseTo(5_000_000, within(500_000L));
    assertThat(reader.causes()).containsOnlyOnce(Cause.PEER_PREFILL);
  }

  @Test
  void giving_way_costs_waiting_and_computing_again() {
    SteppedEngine engine = engine(14, ChunkPolicies.fixedBudget(2048));
    Reader first = new Reader(engine, 64, 100, 0);
    Reader second = new Reader(engine, 64, 100, 0);
    run(engine);

    assertThat(first.causes()).doesNotContain(Cause.PREEMPTED, Cause.RECOMPUTE);
    assertThat(second.outcome.preemptions()).isPositive();
    assertThat(second.timeline().total(Cause.PREEMPTED)).isPositive();
    assertThat(second.causes()).containsSubsequence(Cause.PREEMPTED, Cause.RECOMPUTE);
    assertThat(second.timeline().spans().stream().mapToInt(Timeline.Span::tokens).sum())
        .isGreaterThan(163);
  }

  @Test
  void waiting_for_blocks_is_told_from_waiting_for_a_turn() {
    SteppedEngine engine = engine(20, ChunkPolicies.fixedBudget(2048));
    new Reader(engine, 200, 20, 0);
    Reader lacking = new Reader(engine, 160, 2, 0);
    Reader behind = new Reader(engine, 10, 2, 0);
    run(engine);

    assertThat(lacking.causes()).startsWith(Cause.KV_WAIT);
    assertThat(lacking.timeline().total(Cause.KV_WAIT)).isGreaterThan(Duration.ofMillis(20));
    assertThat(behind.causes()).startsWith(Cause.QUEUED).doesNotContain(Cause.KV_WAIT);
  }

  @Test
  void a_chunk_that_is_left_out_of_a_step_says_so() {
    int[] asked = {0};
    ChunkPolicy everyThird =
        (sequence, plan, snapshot) -> sequence.computedTokens() > 0 && asked[0]++ % 3 != 0 ? 0 : 32;
    SteppedEngine engine = engine(100, everyThird);
    Reader decoding = new Reader(engine, 10, 60, 0);
    engine.step();
    Reader left = new Reader(engine, 200, 1, 0);
    run(engine);

    assertThat(left.timeline().total(Cause.LEFT_OUT)).isPositive();
    assertThat(decoding.causes()).doesNotContain(Cause.LEFT_OUT);
  }

  @Test
  void the_engines_own_work_between_two_steps_is_a_cause() {
    EngineListener slow =
        new EngineListener() {
          @Override
          public void step(StepPlan step, long nanos) {
            clock.set(clock.nanos() + 200_000);
          }
        };
    SteppedEngine engine = engine(100, ChunkPolicies.fixedBudget(100), slow);
    Reader reader = new Reader(engine, 10, 3, 0);
    run(engine);

    assertThat(reader.causes())
        .containsExactly(Cause.PREFILL, Cause.ENGINE, Cause.DECODE, Cause.ENGINE, Cause.DECODE);
    assertThat(reader.timeline().total(Cause.ENGINE)).isEqualTo(Duration.ofNanos(400_000));
    assertThat(reader.timeline().attributed()).isEqualTo(1);
  }

  @Test
  void what_a_driver_does_between_two_steps_is_no_cause() {
    SteppedEngine engine = engine(100, ChunkPolicies.fixedBudget(100));
    Reader reader = new Reader(engine, 10, 3, 0);
    engine.step();
    clock.set(clock.nanos() + 3_300_000);
    run(engine);

    Timeline timeline = Objects.requireNonNull(reader.outcome.timeline());
    assertThat(timeline.total(Cause.OUTSIDE)).isEqualTo(Duration.ofNanos(3_300_000));
    assertThat(timeline.total()).isEqualTo(Duration.ofNanos(6_600_000));
    assertThat(timeline.attributed()).isEqualTo(0.5);
  }

  @Test
  void all_the_time_of_all_requests_is_attributed_and_every_token_counted() {
    List<SequenceOutcome> outcomes = new ArrayList<>();
    EngineListener listener =
        new EngineListener() {
          @Override
          public void ended(SequenceView sequence, SequenceOutcome outcome) {
            outcomes.add(outcome);
          }
        };
    SimulationReport report =
        Simulation.builder(Workloads.longPromptBursts(Duration.ofMinutes(3), 1, 2, 7))
            .blocks(270)
            .jitter(0.2)
            .explained(true)
            .listener(listener)
            .build()
            .run();

    assertThat(report.all().preemptions()).isPositive();
    assertThat(outcomes)
        .hasSize(report.all().completed())
        .allSatisfy(outcome -> assertWhole(outcome));
    assertThat(
            outcomes.stream()
                .flatMap(outcome -> Objects.requireNonNull(outcome.timeline()).spans().stream())
                .mapToLong(Timeline.Span::tokens)
                .sum())
        .isEqualTo(report.computedTokens());
    assertThat(report.all().causes())
        .containsKeys(
            Cause.QUEUED, Cause.PREFILL, Cause.DECODE, Cause.PEER_PREFILL, Cause.PREEMPTED);
    assertThat(report.all().shareOf(Cause.ENGINE)).isZero();
    assertThat(report.all().shareOf(Cause.OUTSIDE)).isZero();
  }

  @Test
  void nobody_is_explained_who_did_not_ask() {
    Trace trace = Workloads.longPromptBursts(Duration.ofMinutes(1), 1, 2, 7);
    SimulationReport asked = Simulation.builder(trace).explained(true).build().run();
    SimulationReport unasked = Simulation.builder(trace).build().run();

    assertThat(unasked.all().causes()).isEmpty();
    assertThat(unasked.stepLog()).isEqualTo(asked.stepLog());
  }
}
